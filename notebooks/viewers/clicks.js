// Lets the places of a picture be chosen: by a click, which takes the nearest one, or by
// arrow keys and then Enter. See Chart in parts.py.
//
// places: [[x, y, words], ...], x and y as shares of the picture's width and height
// at:     the index of the one on show

function render({ model, el }) {
  const over = new AbortController(), heard = { signal: over.signal };
  let image, frame, at;
  el.classList.add("place");

  function point(to) {
    const places = model.get("places");
    at = Math.min(places.length - 1, Math.max(-1, to));
    el.hidden = at < 0;
    image.toggleAttribute("data-places", places.length);
    image.tabIndex = places.length ? 0 : -1;
    if (!places.length) return image.removeAttribute("role");
    const [x, y, words] = places[Math.max(0, at)];
    Object.assign(el.style, { left: `${100 * x}%`, top: `${100 * y}%` });
    const told = { role: "slider", "aria-valuemin": 0, "aria-valuemax": places.length - 1,
      "aria-valuenow": Math.max(0, at), "aria-valuetext": `${words}; Enter chooses it` };
    for (const [name, value] of Object.entries(told)) image.setAttribute(name, value);
  }
  const choose = () => model.send({ chosen: at });
  const follow = () => image && point(model.get("at"));

  function begin() {
    image = el.closest(".chart")?.querySelector("img");
    if (!image) {  // not on the page yet
      frame = requestAnimationFrame(begin);
      return;
    }
    image.addEventListener("click", ({ offsetX, offsetY }) => {
      const far = model.get("places").map(([x, y]) => Math.hypot(
        x * image.clientWidth - offsetX, y * image.clientHeight - offsetY));
      if (!far.length) return;
      point(far.indexOf(Math.min(...far)));
      choose();
    }, heard);
    const last = () => model.get("places").length - 1;
    const moves = { ArrowLeft: () => Math.max(0, at - 1), ArrowRight: () => at + 1,
      Home: () => 0, End: last };
    image.addEventListener("keydown", event => {
      if (event.key in moves) point(moves[event.key]());
      else if (event.key === "Enter" && at >= 0) choose();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }, heard);
    follow();
  }

  for (const name of ["change:places", "change:at"]) model.on(name, follow);
  begin();
  return () => {
    cancelAnimationFrame(frame);
    over.abort();
    for (const name of ["change:places", "change:at"]) model.off(name, follow);
  };
}

export default { render };
