// The sheet where no kernel runs: the network, with weights of 8 bits, answers in the
// page. read does what pushes in explanations.py does, and seen what seen in sketchpad.py does.

(root, { render, add, stroke }, words, style, colours, examples, layers) => {
  const SIDE = 280, FINE = 24, SMALL = 20, FIELD = 28;
  const range = n => Array.from({ length: n }, (_, k) => k);
  const total = numbers => numbers.reduce((sum, one) => sum + one, 0);
  const clip = (number, low, high) => Math.min(high, Math.max(low, number));

  const network = layers.map(([levels, scales, biases]) => ({ scales, biases,
    W: Int8Array.from(atob(levels.split(",")[1]), byte => byte.charCodeAt(0)) }));

  // Return the logit and the pushes of an image, 784 numbers in [0, 1].
  function read(x) {
    const passed = [];  // the last layer first
    let out = x, ds = [1];
    for (const { W, scales, biases } of network) {
      const sums = biases.map((bias, j) => bias + scales[j] * total(
        out.map((value, p) => value * W[p * biases.length + j])));
      passed.unshift({ W, scales, sums });
      out = sums.map(s => Math.max(s, 0));
    }
    for (const [k, { W, scales, sums }] of passed.entries()) {
      const factors = scales.map((scale, j) => k === 0 || sums[j] > 0 ? ds[j] * scale : 0);
      ds = range(W.length / scales.length).map(p =>
        total(factors.map((factor, j) => factor * W[p * scales.length + j])));
    }
    return [passed[0].sums[0], ds.map((d, p) => d * x[p])];
  }

  function seen(strokes) {
    const field = Array(FIELD * FIELD).fill(0);
    const drawn = strokes.filter(one => !one.erase);
    if (!drawn.length) return field;
    const ends = [0, 1].map(k => drawn.flatMap(({ points, width }) => points.flatMap(
      point => [point[k] - width / 2 - 1, point[k] + width / 2 + 1])));
    const low = ends.map(all => clip(Math.min(...all), 0, SIDE - 1));
    const sides = ends.map((all, k) => clip(Math.max(...all), low[k] + 1, SIDE) - low[k]);
    const zoom = clip(SMALL * FINE / Math.max(...sides), 1, FINE);
    const [wide, long] = sides.map(side => Math.round(side * zoom));
    const context = new OffscreenCanvas(wide, long).getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, wide, long);
    context.setTransform(zoom, 0, 0, zoom, -zoom * low[0], -zoom * low[1]);
    context.lineCap = context.lineJoin = "round";
    for (const one of strokes) stroke(context, one);
    const { data } = context.getImageData(0, 0, wide, long);
    const ink = (row, column) => 1 - data[4 * (row * wide + column)] / 255;

    // What has ink, scaled to 20 x 20: each new pixel is the mean of those it covers.
    const rows = range(long).filter(row => range(wide).some(column => ink(row, column)));
    const columns = range(wide).filter(column => rows.some(row => ink(row, column)));
    if (!rows.length) return field;
    const [down, across] = [rows, columns].map(some => {
      const size = some.at(-1) + 1 - some[0];
      const most = Math.max(rows.at(-1) - rows[0], columns.at(-1) - columns[0]) + 1;
      const count = Math.max(1, Math.round(SMALL * size / most));
      const edge = k => some[0] + Math.round(k * size / count);
      return range(count).map(k => range(edge(k + 1) - edge(k)).map(more => edge(k) + more));
    });
    const box = down.map(of_row => across.map(of_column => total(of_row.map(row =>
      total(of_column.map(column => ink(row, column))))) / of_row.length / of_column.length));
    const start = mass => clip(Math.round(
      FIELD / 2 - total(mass.map((part, k) => part * k)) / total(mass)), 0, FIELD - mass.length);
    const top = start(box.map(total));
    const left = start(across.map((_, x) => total(box.map(row => row[x]))));
    box.forEach((row, y) => row.forEach((level, x) => {
      field[(top + y) * FIELD + left + x] = level;
    }));
    return field;
  }

  // Show levels from -1 to 1, in a pair of colours and white between them.
  function show(image, levels, pair, alt) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = FIELD;
    const pixels = new ImageData(FIELD, FIELD);
    levels.forEach((level, k) => pixels.data.set([...[1, 3, 5].map(at => 255 +
      Math.abs(level) * (parseInt(pair[+(level > 0)].slice(at, at + 2), 16) - 255)), 255], 4 * k));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    Object.assign(image, { src: canvas.toDataURL(), alt });
  }

  const [digit, pushed, , , neighbour] = root.querySelectorAll("img");
  const [caption] = root.querySelectorAll("[data-part]"), sums = pushed.nextElementSibling;
  caption.role = "status";
  neighbour.parentElement.parentElement.remove();  // there are no training digits here

  // The texts are those that Python wrote, with other numbers.
  function answer(strokes) {
    const x = seen(strokes), [logit, pushes] = read(x);
    const g = 1 / (1 + Math.exp(-logit)), name = g > 0.5 ? "9" : "3";
    const sides = [-1, 1].map(way => total(pushes.filter(push => way * push > 0)));
    const digits = Math.abs(logit) > 0.005 ? 2 : Math.abs(logit) > 5e-5 ? 4 : 7;  // for its sign
    const signed = [...sides, logit - total(sides), logit].map(number => (
      number < 0 ? "" : "+") + number.toFixed(digits).replace(/^-(0\.0+)$/, "+$1"));
    const renumbered = (text, k = 0) => text.replace(/[+-]\d+\.\d+/g, () => signed[k++]);
    caption.textContent = (x.some(level => level) ? "" : "An empty sheet. ") +
      `The network says ${name} with probability ${
        Math.max(g, 1 - g).toFixed(Math.abs(g - 0.5) > 0.0005 ? 3 : 6)}.`;
    sums.innerHTML = renumbered(sums.innerHTML).replace(/so&nbsp;\d/, `so&nbsp;${name}`);
    show(digit, x, colours[0], `The digit. ${caption.textContent}`);
    const largest = Math.max(1e-9, ...pushes.map(Math.abs));
    show(pushed, pushes.map(push => push / largest), colours[1], renumbered(pushed.alt));
  }

  const state = { strokes: Object.values(examples).at(-1), digit: [], original: [], examples };
  const panels = digit.parentElement.parentElement, el = document.createElement("div");
  panels.prepend(el);
  add(root, "style", { textContent: style });
  add(root, "p", { textContent: words });
  render({ el, model: { get: name => state[name], set: now => Object.assign(state, now),
    save_changes: () => answer(state.strokes), on() {} } });
  for (const one of el.querySelectorAll("*")) one.dataset.lmSuppressShortcuts = "";  // as a11y.js
  answer(state.strokes);
  root.read = read;
}
