// A picture whose places can be chosen, by a click near one or by arrow keys and then Enter.

function render({ model, el }) {
  const [width, height] = model.get("size");
  el.innerHTML = `<div><img class="${model.get("description")}" width="${width}"
    height="${height}"><div class="frame"></div><div class="place"></div></div>`;
  const [image, frame, mark] = el.firstChild.children;
  let at;

  function point(to) {
    const places = model.get("places"), last = places.length - 1;
    at = Math.min(last, to);
    mark.hidden = at < 0;
    Object.assign(image, last < 0 ? { tabIndex: -1, role: null } : { tabIndex: 0, role: "slider" });
    if (last < 0) return;
    const now = Math.max(0, at), [x, y, words] = places[now];
    Object.assign(mark.style, { left: `${100 * x}%`, top: `${100 * y}%` });
    Object.assign(image, { ariaValueMin: 0, ariaValueMax: last, ariaValueNow: now,
      ariaValueText: `${words}; Enter chooses it` });
  }

  image.addEventListener("click", ({ offsetX, offsetY }) => {
    const { clientWidth, clientHeight } = image, reach = model.get("reach") * clientWidth;
    const aways = model.get("places").map(([x, y]) => [
      Math.abs(x * clientWidth - offsetX), Math.abs(y * clientHeight - offsetY)]);
    const far = aways.map(away => Math.hypot(...away)), nearest = far.indexOf(Math.min(...far));
    if (!aways[nearest]?.every(away => away <= reach)) return;
    point(nearest);
    model.send({ chosen: at });
  });

  image.addEventListener("keydown", event => {
    const row = model.get("grid")[0] ?? -1, moves = { ArrowLeft: at - 1, ArrowRight: at + 1,
      ArrowUp: at - row, ArrowDown: at + row, Home: 0, End: 1e9 };
    if (event.key in moves) point(Math.max(0, moves[event.key]));
    else if (event.key === "Enter" && at >= 0) model.send({ chosen: at });
    else return;
    mark.scrollIntoView({ block: "nearest", inline: "nearest" });
    event.preventDefault();
    event.stopPropagation();
  });

  const forget = () => URL.revokeObjectURL(image.src);
  const show = () => {
    forget();
    image.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
  };
  const follow = () => {
    point(model.get("at"));
    frame.hidden = mark.hidden;
    frame.style.cssText = mark.style.cssText;
  };
  image.addEventListener("blur", follow);
  for (const [part, change] of Object.entries({ value: show, places: follow, at: follow,
    alt: () => { image.alt = image.title = model.get("alt"); } })) {
    model.on(`change:${part}`, change);
    change();
  }
  return forget;
}

export default { render };
