// An aid where shares must add up: their sum so far, and zeros for what was not bought.
"use strict";

for (const group of document.querySelectorAll("fieldset[data-total]")) {
  const total = Number(group.dataset.total);
  const tolerance = Number(group.dataset.tolerance);
  const inputs = [...group.querySelectorAll("input")];
  const line = document.createElement("div");
  const sum = document.createElement("output");
  const fill = document.createElement("button");
  line.className = "sum";
  fill.type = "button";
  fill.className = "small";
  fill.textContent = "Write 0 into the empty ones";

  const read = (text) => (text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text));
  const show = () => {
    const texts = inputs.map((input) => input.value.trim()).filter(Boolean);
    const added = texts.map(read).reduce((one, other) => one + other, 0);
    const fits = Math.abs(added - total) <= tolerance + 1e-9;
    sum.textContent = Number.isNaN(added)
      ? "One of them is no number."
      : `Together ${(100 * added).toFixed(1)}% of ${100 * total}%${fits ? ", which fits" : ""}.`;
    fill.hidden = texts.length === inputs.length;
  };

  fill.addEventListener("click", () => {
    for (const input of inputs) if (!input.value.trim()) input.value = "0";
    show();
    inputs[0].focus();
  });
  group.addEventListener("input", show);
  line.append(sum, fill);
  group.append(line);
  show();
}
