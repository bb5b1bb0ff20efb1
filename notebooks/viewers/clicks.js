// Lets the places of a picture be chosen: by a click, which takes the nearest one, or by
// arrow keys and then Enter. See Chart in controls.py.
//
// places: [[x, y, words], ...], x and y as shares of the picture's width and height
// at:     the index of the one on show, or -1

function render({ model, el, signal }) {
  let image, at;
  el.classList.add("place");

  function point(to) {
    const places = model.get("places"), last = places.length - 1;
    at = Math.min(last, to);
    el.hidden = at < 0;
    image.tabIndex = last < 0 ? -1 : 0;
    image.role = last < 0 ? null : "slider";
    if (last < 0) return;
    const now = Math.max(0, at), [x, y, words] = places[now];
    Object.assign(el.style, { left: `${100 * x}%`, top: `${100 * y}%` });
    Object.assign(image, { ariaValueMin: 0, ariaValueMax: last, ariaValueNow: now,
      ariaValueText: `${words}; Enter chooses it` });
  }

  function click({ offsetX, offsetY }) {
    const far = model.get("places").map(([x, y]) => Math.hypot(
      x * image.clientWidth - offsetX, y * image.clientHeight - offsetY));
    if (!far.length) return;
    point(far.indexOf(Math.min(...far)));
    model.send({ chosen: at });
  }

  function press(event) {
    const moves = { ArrowLeft: Math.max(0, at - 1), ArrowRight: at + 1, Home: 0, End: 1e9 };
    if (event.key in moves) point(moves[event.key]);
    else if (event.key === "Enter" && at >= 0) model.send({ chosen: at });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function begin() {
    image = el.closest(".chart")?.querySelector("img");
    if (!image) {  // not on the page yet
      if (!signal.aborted) requestAnimationFrame(begin);
      return;
    }
    image.addEventListener("click", click);
    image.addEventListener("keydown", press);
    const follow = () => point(model.get("at"));
    for (const part of ["places", "at"]) model.on(`change:${part}`, follow);
    follow();
  }

  begin();
}

export default { render };
