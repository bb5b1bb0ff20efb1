// A slider over places, given by their texts. contents: for each part of the page what it
// shows at each place, or the one thing that it always shows.
(root, label, places, contents) => {
  root.querySelector("p").insertAdjacentHTML("afterend", `<p><label>${label} <input
    type="range" min="0" max="${places.length - 1}" value="0" style="width: min(100%, 400px);
    height: 24px; vertical-align: middle" data-lm-suppress-shortcuts></label> <span></span></p>`);
  const slider = root.querySelector("input"), where = root.querySelector("label + span");
  const leaves = Array.from(root.querySelectorAll("[data-part]"));
  slider.oninput = () => {
    where.textContent = slider.ariaValueText = places[slider.value];
    leaves.forEach((leaf, k) => {
      const [content, alt] = contents[k][slider.value] ?? contents[k][0];
      if (leaf.tagName === "IMG") Object.assign(leaf, { src: content, alt });
      else leaf.innerHTML = content;
    });
  };
  slider.oninput();
};
