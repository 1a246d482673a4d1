// Sliders beside the shares of a release. Moving one gives to, or takes from, the largest of the others, so that the sum
// stays 100; what is typed into a field is left as it is.
const WHOLE = 100;

function amount(input) {
  return Math.min(WHOLE, Math.max(0, Math.round(Number(input.value)) || 0));
}

function showIn(row, value) {
  row.slider.value = value;
  row.field.value = value;
}

function balance(rows, moved) {
  let rest = WHOLE - amount(moved.field);
  const others = rows.filter((row) => row !== moved).sort((one, other) => amount(other.field) - amount(one.field));
  const kept = others.slice(1).reduce((sum, row) => sum + amount(row.field), 0);
  if (others.length && rest >= kept) {
    showIn(others[0], rest - kept);
    return;
  }
  for (const row of others) {
    const share = row === others[0] ? 0 : Math.min(amount(row.field), rest);
    showIn(row, share);
    rest -= share;
  }
}

function connect(form) {
  const rows = [...form.querySelectorAll(".share-inputs")].map((place) => ({
    slider: place.querySelector("input[type=range]"),
    field: place.querySelector("input[type=number]"),
  }));
  if (rows.length < 2) return;
  for (const row of rows) {
    row.slider.hidden = false;
    row.slider.addEventListener("input", () => {
      row.field.value = row.slider.value;
      balance(rows, row);
    });
    row.field.addEventListener("input", () => {
      row.slider.value = amount(row.field);
    });
  }
}

for (const form of document.querySelectorAll("[data-shares]")) connect(form);
