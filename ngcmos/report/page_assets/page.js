"use strict";
(() => {
  const { names, plots } = JSON.parse(document.getElementById("plots").textContent);
  const root = document.documentElement;
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const two = (n) => String(n).padStart(2, "0");
  const clock = (t, seconds) => {
    const d = new Date(t * 1000);
    return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()) + (seconds ? ":" + two(d.getUTCSeconds()) : "");
  };
  const DAY_S = 86400;
  const moment = (t, apart) => (apart < DAY_S ? clock(t, apart < 60) : new Date(t * 1000).toISOString().slice(0, 10));
  const told = (spec, t) => (spec.x[spec.x.length - 1] - spec.x[0] > DAY_S ? moment(t, DAY_S) + " " : "") + clock(t, true);
  const short = (v) => (v == null ? "–" : String(+v.toPrecision(5)));
  let drawn = [];

  function seriesOf(s) {
    const colour = css(s.colour);
    const points = { show: !s.line, size: s.size || 4, space: 0, fill: colour, stroke: colour, width: 0 };
    const base = { label: s.label, stroke: colour, value: (u, v) => (v == null ? "" : short(v)), spanGaps: !!s.line, points };
    return s.line ? { ...base, width: 1.5, dash: s.dash || [] } : { ...base, paths: () => null };
  }

  function logTicks(low, high) {
    const steps = Math.log10(high / low) > 3 ? [1] : [1, 2, 5];
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      for (const step of steps) ticks.push(step * 10 ** power);
    return ticks.filter((tick) => tick >= low && tick <= high);
  }

  function axesOf(spec) {
    const look = { stroke: css("--dim"), font: "11px system-ui, sans-serif", labelFont: "11px system-ui, sans-serif" };
    const lines = { grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--grid"), width: 1, size: 4 } };
    const x = { ...look, ...lines, label: spec.xLabel, labelSize: 16, size: 28 };
    const y = { ...look, grid: { ...lines.grid }, ticks: { ...lines.ticks }, size: 56, label: spec.yLabel, labelSize: 16 };
    if (spec.time) x.incrs = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200,
      ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((days) => days * DAY_S)];
    if (spec.time && spec.x[spec.x.length - 1] - spec.x[0] > DAY_S) x.space = 80;
    if (spec.time) x.values = (u, ticks) => ticks.map((t) => moment(t, ticks.length > 1 ? ticks[1] - ticks[0] : 60));
    if (spec.log) {
      y.splits = (u, axis, low, high) => logTicks(low, high);
      y.filter = (u, ticks) => ticks;
      y.values = (u, ticks) => ticks.map(short);
    }
    return [x, y];
  }

  function drawBands(u, bands) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.font = 11 * devicePixelRatio + "px system-ui, sans-serif";
    bands.forEach((band, i) => {
      const a = u.valToPos(band.from, "x", true);
      const b = u.valToPos(band.to, "x", true);
      ctx.fillStyle = css("--band");
      ctx.fillRect(a, bbox.top, Math.max(b - a, 2), bbox.height);
      ctx.fillStyle = css("--fg");
      const room = bbox.left + bbox.width - ctx.measureText(band.label).width - 4;
      ctx.fillText(band.label, Math.max(bbox.left, Math.min(a + 4, room)), bbox.top + (13 + 14 * (i % 4)) * devicePixelRatio);
    });
    ctx.restore();
  }

  function drawBars(u, spec) {
    const { ctx } = u;
    ctx.save();
    spec.series.forEach((s) => {
      if (!s.e) return;
      ctx.strokeStyle = css(s.colour);
      ctx.lineWidth = devicePixelRatio;
      ctx.beginPath();
      spec.x.forEach((value, i) => {
        if (s.y[i] == null || s.e[i] == null) return;
        const x = u.valToPos(value, "x", true);
        ctx.moveTo(x, u.valToPos(s.y[i] - s.e[i], "y", true));
        ctx.lineTo(x, u.valToPos(s.y[i] + s.e[i], "y", true));
      });
      ctx.stroke();
    });
    ctx.restore();
  }

  function nearest(u, spec) {
    let best = Infinity, found = u.cursor.idx;
    spec.series.forEach((s) => !s.line && s.y.forEach((value, i) => {
      if (value == null) return;
      const away = Math.hypot(u.valToPos(spec.x[i], "x") - u.cursor.left, u.valToPos(value, "y") - u.cursor.top);
      if (away < best) [best, found] = [away, i];
    }));
    return found;
  }

  function describe(u, spec, index) {
    const parts = [];
    if (spec.names) parts.push(names[spec.names][spec.ids ? spec.ids[index] : index]);
    else if (spec.labels) parts.push(spec.labels[index]);
    parts.push(spec.time ? told(spec, spec.x[index]) + " UTC" : spec.xLabel + " " + short(spec.x[index]));
    spec.series.forEach((s) => s.y[index] != null && parts.push(s.label + " " + short(s.y[index])));
    return parts.filter(Boolean).join("   ");
  }

  function draw(spec) {
    const place = document.getElementById(spec.id);
    place.textContent = "";
    const options = {
      width: Math.max(place.clientWidth, 200), height: spec.height || 210,
      scales: { x: { time: false }, y: { distr: spec.log ? 3 : 1, ...(spec.yRange ? { range: spec.yRange } : {}) } },
      legend: { live: true },
      cursor: { points: { size: 7 }, drag: { x: true, y: false }, sync: spec.sync ? { key: spec.sync, scales: ["x", null] } : undefined },
      axes: axesOf(spec),
      series: [{ label: spec.time ? "UTC" : spec.xLabel, value: (u, v) => (v == null ? "" : spec.time ? told(spec, v) : short(v)) },
        ...spec.series.map(seriesOf)],
      hooks: { drawClear: spec.bands ? [(u) => drawBands(u, spec.bands)] : [], draw: [(u) => drawBars(u, spec)] },
    };
    const plot = new uPlot(options, [spec.x, ...spec.series.map((s) => s.y)], place);
    plot.over.addEventListener("click", () => {
      if (plot.cursor.idx == null) return;
      const index = spec.ids ? nearest(plot, spec) : plot.cursor.idx;
      place.nextElementSibling.textContent = describe(plot, spec, index);
      if (spec.ids) dispatchEvent(new CustomEvent("chosen", { detail: spec.ids[index] }));
    });
    return plot;
  }

  function drawAll() {
    drawn.forEach((plot) => plot.destroy());
    drawn = plots.map(draw);
    root.dataset.plots = drawn.length;
  }

  window.show = (spec) => {  // a plot that the page did not have at first, or has anew
    const at = plots.findIndex((one) => one.id === spec.id);
    if (at >= 0) drawn.splice(at, 1)[0].destroy(), plots.splice(at, 1);
    plots.push(spec);
    drawn.push(draw(spec));
  };

  drawAll();
  let width = root.clientWidth;
  addEventListener("resize", () => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    drawn.forEach((plot) => plot.setSize({ width: Math.max(plot.root.parentNode.clientWidth, 200), height: plot.height }));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  matchMedia("print").addEventListener("change", drawAll);
})();
