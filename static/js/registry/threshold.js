// The slider beside the choice of a threshold: it names the choice, and moves the dashed line of the plot above.
function connect(form) {
  const slider = form.querySelector("input[type=range]");
  const choice = form.querySelector("select");
  const line = form.parentElement.querySelector("#threshold");
  const start = Number(form.dataset.thresholdStart);

  const show = () => {
    const option = choice.options[choice.selectedIndex];
    slider.value = choice.selectedIndex;
    slider.setAttribute("aria-valuetext", option.textContent);
    line?.setAttribute("transform", `translate(${Number(option.dataset.x) - start} 0)`);
  };

  slider.hidden = false;
  slider.addEventListener("input", () => {
    choice.selectedIndex = Number(slider.value);
    show();
  });
  choice.addEventListener("change", show);
  slider.value = choice.selectedIndex;
}

for (const form of document.querySelectorAll("[data-threshold-start]")) connect(form);
