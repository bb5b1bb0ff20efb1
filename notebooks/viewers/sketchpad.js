// A sheet to draw on. Ink appears here at once; the kernel is sent the newest state, and
// ipywidgets drops outdated ones. What they share is told in Sheet in sketchpad.py.

const SIDE = 280, CELL = 10, SHARP = 2, STEP = 4;
const WAYS = [["←", "Left", -1, 0], ["↑", "Up", 0, -1], ["↓", "Down", 0, 1], ["→", "Right", 1, 0]];
const BY_KEYBOARD = "By keyboard: arrow keys move, space puts the pen down or lifts it.";

const add = (parent, kind, more) =>
  parent.appendChild(Object.assign(document.createElement(kind), more));

function stroke(context, { points, width, erase }) {
  context.strokeStyle = erase ? "white" : "black";
  context.lineWidth = width;
  context.beginPath();
  const [[x, y]] = points;
  context.moveTo(x, y + 0.01);  // a line from a point to itself may be left out
  for (const point of points) context.lineTo(...point);
  context.stroke();
}

// Everything, moved by so many cells; what leaves the sheet is gone.
function shifted({ strokes, digit }, dx, dy) {
  const at = (x, y) => x < 0 || x > 27 || y < 0 || y > 27 ? 0 : digit[28 * y + x];
  return {
    strokes: strokes.map(one => ({
      ...one, points: one.points.map(([x, y]) => [x + CELL * dx, y + CELL * dy]) })),
    digit: digit.map((_, k) => at(k % 28 - dx, Math.floor(k / 28) - dy)),
  };
}

function render({ model, el }) {
  const past = [];
  const read = () => ({ strokes: model.get("strokes"), digit: model.get("digit") });
  let now = read(), original = model.get("original"), pen = null, hand = [SIDE / 2, SIDE / 2];

  const tries = add(el, "div", { className: "tools" });
  const paper = add(el, "div", { className: "paper" });
  const canvas = add(paper, "canvas", { width: SHARP * SIDE, height: SHARP * SIDE,
    tabIndex: 0, role: "application", ariaLabel: `A sheet to draw on. ${BY_KEYBOARD}` });
  const cursor = add(paper, "div", { className: "cursor", hidden: true });
  const tools = add(el, "div", { className: "tools" });
  const announcement = add(el, "div", { className: "visually-hidden", role: "status" });
  el.classList.add("sheet");
  const context = canvas.getContext("2d");
  context.lineCap = context.lineJoin = "round";

  function paint() {
    context.setTransform(SHARP, 0, 0, SHARP, 0, 0);
    context.fillStyle = "white";
    context.fillRect(0, 0, SIDE, SIDE);
    now.digit.forEach((level, k) => {
      context.fillStyle = `rgb(${255 - level} ${255 - level} ${255 - level})`;
      context.fillRect(CELL * (k % 28), CELL * Math.floor(k / 28), CELL, CELL);
    });
    for (const one of now.strokes) stroke(context, one);
    moves.hidden = now.digit.length === 0;
  }

  function become(next) {
    now = next;
    paint();
    model.set(now);
    model.save_changes();
  }

  function change(next) {
    past.push(now);
    become(next);
  }

  // ---- the pen, which is down while it is not null

  function down(x, y, id) {
    pen = id;
    const one = { points: [[x, y]], width: +width.value, erase: rubs() };
    change({ ...now, strokes: [...now.strokes, one] });
  }

  function move(...points) {
    const last = now.strokes.at(-1), longer = { ...last, points: [...last.points, ...points] };
    become({ ...now, strokes: now.strokes.with(-1, longer) });
  }

  const place = ({ clientX, clientY }) => {
    const { left, top, width } = canvas.getBoundingClientRect();
    return [clientX - left, clientY - top].map(at => Math.round(10 * SIDE * at / width) / 10);
  };
  canvas.addEventListener("pointerdown", event => {
    if (event.button !== 0 || pen !== null) return;
    canvas.setPointerCapture(event.pointerId);
    cursor.hidden = true;
    down(...place(event), event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    if (event.pointerId !== pen) return;
    const between = event.getCoalescedEvents?.() ?? [];  // not on plain http
    move(...(between.length ? between : [event]).map(place));
  });
  canvas.addEventListener("lostpointercapture", () => { pen = null; });

  // ---- the keyboard: its cursor is as large as what it draws

  function point_at() {
    const [left, top, wide] = [...hand, +width.value].map(part => `${100 * part / SIDE}%`);
    Object.assign(cursor.style, { left, top, width: wide });
    cursor.classList.toggle("down", pen === "key");
    cursor.hidden = false;
  }

  canvas.addEventListener("keydown", event => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const way = WAYS.find(([, name]) => event.key === `Arrow${name}`);
    if (event.key === " ") {
      if (pen === null) down(...hand, "key");
      else if (pen === "key") pen = null;
      announcement.textContent = pen === "key" ? "The pen is down." : "The pen is up.";
    } else if (way) {
      hand = hand.map((part, k) => Math.min(SIDE, Math.max(0, part + STEP * way[2 + k])));
      if (pen === "key") move(hand);
    } else return;
    event.preventDefault();
    event.stopPropagation();
    point_at();
  });
  canvas.addEventListener("blur", () => {
    cursor.hidden = true;
    if (pen === "key") pen = null;
    announcement.textContent = "";
  });

  const button = (parent, textContent, onclick, title = textContent) => add(parent, "button", {
    type: "button", textContent, title, onclick, ariaLabel: title,
    className: "jupyter-button widget-button" });

  for (const [name, strokes] of Object.entries(model.get("examples")))
    button(tries, `Draw ${name} for me`, () => change({ strokes, digit: [] }));
  button(tools, "Undo", () => {
    pen = null;
    const { strokes } = now;
    become(past.pop() ?? (strokes.length  // after a reload the past is not known
      ? { ...now, strokes: strokes.slice(0, -1) }
      : { strokes, digit: model.get("original") }));
  });
  button(tools, "Clear", () => {
    if (now.strokes.length || now.digit.length) change({ strokes: [], digit: [] });
  });
  const rubs = () => eraser.ariaPressed === "true";
  const eraser = button(tools, "Erase", () => { eraser.ariaPressed = !rubs(); });
  eraser.ariaPressed = false;
  const thick = add(tools, "label", { textContent: "pen width" });
  const width = add(thick, "input", { type: "range", min: 4, max: 40, step: 2, value: 22 });
  const moves = add(tools, "div", { className: "moves" });
  for (const [text, name, dx, dy] of WAYS)
    button(moves, text, () => change(shifted(now, dx, dy)),
      `Move ${name.toLowerCase()} by a pixel`);
  add(tools, "small", { textContent: BY_KEYBOARD });

  // ---- what the kernel, or another view of the same sheet, puts on it

  const follow = () => {
    const next = read(), moved = next.digit !== now.digit;
    if (next.strokes === now.strokes && !moved) return;
    if (model.get("original") !== original) past.length = 0;  // another digit
    else if (moved || next.strokes.length !== now.strokes.length) past.push(now);
    [now, original, pen] = [next, model.get("original"), null];
    paint();
  };
  for (const part of ["strokes", "digit"]) model.on(`change:${part}`, follow);
  paint();
}

export default { render, add, stroke };
