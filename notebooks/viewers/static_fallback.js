// A slider over places, given by their texts. contents: for each part of the page what it
// shows at each place, or the one thing that it always shows. Places may be tiles, too.
(root, label, places, contents) => {
  root.querySelector("p").insertAdjacentHTML("afterend", `<p><label>${label} <input
    type="range" min="0" max="${places.length - 1}" value="0" style="width: min(100%, 400px);
    height: 24px; margin: 0; vertical-align: middle" data-lm-suppress-shortcuts></label> <span></span></p>`);
  const slider = root.querySelector("input"), where = root.querySelector("label + span");
  const leaves = root.querySelectorAll("[data-part]"), tiles = root.querySelectorAll(".tiles *");
  slider.oninput = () => {
    where.textContent = slider.ariaValueText = places[slider.value];
    leaves.forEach((leaf, k) => {
      const [content, alt] = contents[k][slider.value] ?? contents[k][0];
      if (leaf.tagName === "IMG") Object.assign(leaf, { src: content, alt });
      else leaf.innerHTML = content;
    });
    tiles.forEach((tile, k) => {
      const place = slider.value - slider.value % tiles.length + k;
      tile.className = place === +slider.value ? "chosen" : "";
      tile.inert = !places[place];
      tile.onclick = () => { slider.value = place; slider.oninput(); };
    });
  };
  slider.oninput();
};
