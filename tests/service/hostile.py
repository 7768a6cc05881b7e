"""Texts that would do harm where a page takes them for its own."""

HOSTILE = (
    "<script>window.harmed = 1</script>",
    "</title><script>window.harmed = 1</script>",
    "\"><script src='//elsewhere.invalid/x.js'></script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "' autofocus onfocus=alert(1) x='",
    '" autofocus onfocus=alert(1) x="',
    "javascript:alert(1)",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<style>*{display:none}</style>",
    "--></textarea></select><b>bold",
    "<!--",
    "]]>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "&lt;b&gt;",
    '=HYPERLINK("http://elsewhere.invalid")',
    "\u202e\u0000\ufeff<b>",
    "<\u0130mg>",
)
