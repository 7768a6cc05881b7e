# The scoring service in a container: the locked environment and the code. What it scores with is
# mounted, and the token is handed over at start; compose.yaml does both.
# The steps are the Makefile's; tests/test_container.py holds them together.

# A tag, so that security fixes of the base arrive with each build; pin its digest where builds
# must be equal to the byte.
FROM python:3.11-slim AS base
WORKDIR /app

FROM base AS environment
COPY requirements.lock ./
RUN python3.11 -m venv .venv && \
    .venv/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --requirement requirements.lock

FROM base
COPY --from=environment /app/.venv .venv
COPY pyproject.toml .telemetry ./
COPY conf conf
COPY src src

# /tmp is the one place that is written to: numba, matplotlib and others keep caches at home.
ENV DO_NOT_TRACK=1 \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM

# Without a proxy: one that is set for downloads would be asked for the container itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD [".venv/bin/python", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/health/ready', timeout=4)"]

CMD [".venv/bin/kedro", "serve", "--host", "0.0.0.0", "--port", "8000"]
