(root, label, frames) => {
  const add = (parent, kind, more) =>
    parent.appendChild(Object.assign(document.createElement(kind), more));
  const line = document.createElement("p");
  root.querySelector("p").after(line);
  const name = add(line, "label", { textContent: `${label} ` });
  const slider = add(name, "input", {
    type: "range", min: 0, max: frames.length - 1, value: 0,
    style: "width: min(100%, 400px); height: 24px; vertical-align: middle" });
  const where = add(line, "span", { textContent: ` ${frames[0][0]}` });
  slider.oninput = () => {
    const [place, parts] = frames[slider.value];
    where.textContent = ` ${place}`;
    slider.setAttribute("aria-valuetext", place);
    for (const [number, [content, words]] of Object.entries(parts)) {
      const part = root.querySelector(`[data-part="${number}"]`);
      if (part.tagName === "IMG") Object.assign(part, { src: content, alt: words });
      else part.innerHTML = content;
    }
  };
  slider.oninput();
};
