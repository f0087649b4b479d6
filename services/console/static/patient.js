// The chart of the page Patient: lanes over one axis of time, from /api/studies/{study}/patients/{patient}.
"use strict";

(() => {
  const P = Plots;
  const colours = ["#0a5a73", "#a85b00", "#5b2a86", "#1a6338", "#8a2a2a", "#38598b", "#6b6b00"];
  const symbols = ["circle", "triangle", "rect", "diamond", "roundRect", "arrow", "pin"];
  const trust = { administration: 1, statement: .75, dispense: .5, request: .3 };
  const ROW = 19;
  const time = (iso) => Date.parse(iso.length === 10 ? `${iso}T12:00:00Z` : iso);
  const stamp = (ms) => `${P.day(new Date(ms).toISOString().slice(0, 10))}`;
  const tone = { safety: "#a3231f", eligibility: "#0a5a73", response: "#1a6338" };
  const place3 = { eligibility: 0, response: 1, safety: 2 };

  const bar = (params, api) => {
    const start = api.coord([api.value(0), api.value(2)]);
    const end = api.coord([api.value(1), api.value(2)]);
    const box = params.coordSys;
    const left = Math.max(start[0], box.x);
    const right = Math.min(Math.max(end[0], start[0] + 3), box.x + box.width);
    if (right < box.x || left > box.x + box.width) return null;
    return { type: "rect", shape: { x: left, y: start[1] - 5, width: Math.max(right - left, 3), height: 10, r: 2 }, style: api.style() };
  };

  const paint = (chart, place) => {
    const until = time(chart.until);
    const day = 86400000;
    const all = [
      ...chart.told.map((e) => e.occurred || e.at), ...chart.marks.map((m) => m.at), ...chart.drugs.map((d) => d.start), ...chart.tumour.map((s) => s.on),
      ...[...chart.troughs, ...chart.liver].flatMap((s) => s.values.map((v) => v.at)),
    ].map(time).filter((t) => t <= until);
    // Every lane has the same axis, so that what stands above each other happened at the same time.
    const earliest = Math.min(until - 30 * day, ...all) - 10 * day;
    const latest = until + 5 * day;
    const rows = [...new Set(chart.drugs.map((d) => d.row))];
    const terms = [...new Set(chart.grades.map((g) => g.term))];
    const lanes = [
      { id: "told", title: "Told", height: 62, rows: ["screening", "response", "safety"] },
      chart.marks.length && { id: "marks", title: "Events", height: 26, rows: ["events"] },
      rows.length && { id: "drugs", title: "Drugs", height: ROW * rows.length + 6, rows },
      chart.troughs.length && { id: "troughs", title: "Troughs", height: 100, unit: chart.troughs[0].unit },
      chart.liver.length && { id: "liver", title: "Liver tests", height: 170, unit: "× ULN" },
      terms.length && { id: "grades", title: "CTCAE grade", height: ROW * terms.length + 6, rows: terms },
      chart.tumour.length && { id: "tumour", title: "Sum of diameters", height: 120, unit: "mm" },
    ].filter(Boolean);

    let top = 34;
    const grid = [], xAxis = [], yAxis = [], series = [];
    const at = {};
    const first = chart.first_dose_at ? time(chart.first_dose_at) : null;
    for (const [n, lane] of lanes.entries()) {
      at[lane.id] = n;
      grid.push({ left: 190, right: 24, top, height: lane.height });
      top += lane.height + 16;
      const lowest = n === lanes.length - 1;
      xAxis.push({ type: "time", gridIndex: n, min: earliest, max: latest, axisLabel: { show: lowest, color: P.soft, hideOverlap: true }, axisTick: { show: lowest }, axisLine: { lineStyle: { color: "#94a5af" } }, splitLine: { show: true, lineStyle: { color: "#eef2f4" } } });
      yAxis.push(lane.rows
        ? { type: "category", gridIndex: n, data: lane.rows, inverse: true, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: P.ink, width: 172, overflow: "truncate", fontSize: 11 } }
        : { ...P.valueAxis(`${lane.title}, ${lane.unit}`, { nameGap: 44, nameTextStyle: { color: P.ink, fontWeight: 600 } }), gridIndex: n, ...(lane.id === "liver" ? { type: "log", logBase: 2, min: (v) => Math.min(.5, 2 ** Math.floor(Math.log2(v.min))), max: (v) => Math.max(4, 2 ** Math.ceil(Math.log2(v.max * 1.1))), axisLabel: { color: P.soft, formatter: (v) => (v < 1 ? v.toFixed(2) : String(v)) } } : {}) });
      series.push({ type: "line", xAxisIndex: n, yAxisIndex: n, data: [], silent: true, markLine: first === null ? undefined : { symbol: "none", silent: true, lineStyle: { color: P.ink, width: 1.4 }, label: { show: n === 0, formatter: "first dose", color: P.ink, position: "end" }, data: [{ xAxis: first }] } });
    }
    const on = (id) => ({ xAxisIndex: at[id], yAxisIndex: at[id] });

    series.push({ type: "scatter", ...on("told"), symbolSize: 9,
      data: chart.told.map((e) => ({ value: [time(e.occurred || e.at), place3[e.service] ?? 0], itemStyle: { color: tone[e.service] || P.soft }, symbol: { safety: "triangle", response: "rect" }[e.service] || "circle", says: `${stamp(time(e.occurred || e.at))}\n${e.sentence.slice(0, 220).replace(/(.{60,80}?) /g, "$1\n")}` })) });
    if ("marks" in at) series.push({ type: "scatter", ...on("marks"), symbol: "diamond", symbolSize: 11, itemStyle: { color: P.ink },
      data: chart.marks.map((m) => ({ value: [time(m.at), 0], says: `${stamp(time(m.at))}\n${m.says}`, record: m.record })) });
    if ("drugs" in at) series.push({ type: "custom", renderItem: bar, ...on("drugs"), encode: { x: [0, 1], y: 2 },
      data: chart.drugs.map((d) => ({ value: [time(d.start), d.end ? time(d.end) : d.trust === "administration" ? time(d.start) : until, rows.indexOf(d.row)], itemStyle: { color: colours[rows.indexOf(d.row) % colours.length], opacity: trust[d.trust] * (d.end || d.trust === "administration" ? 1 : .6) }, says: `${d.says}\nfrom ${stamp(time(d.start))}${d.end ? ` to ${stamp(time(d.end))}` : d.trust === "administration" ? "" : ", no end recorded"}`, record: d.record })) });
    const values = (lane, all) => all.forEach((s, n) => series.push({
      name: s.name, type: "line", ...on(lane), symbol: symbols[n % symbols.length], symbolSize: 7, itemStyle: { color: colours[n % colours.length] }, lineStyle: { width: 1.4 },
      data: s.values.map((v) => ({ value: [time(v.at), v.value], says: `${s.name}: ${v.says}${lane === "liver" ? ` (${v.value.toFixed(2)} × ULN)` : ""}\n${stamp(time(v.at))}`, record: v.record })),
      markArea: s.band ? { silent: true, itemStyle: { color: colours[n % colours.length], opacity: .1 }, label: { show: false }, data: [[{ yAxis: s.band[0] }, { yAxis: s.band[1] }]] } : undefined,
      markLine: lane === "liver" && n === 0 ? { symbol: "none", silent: true, lineStyle: { color: P.soft, type: "dashed" }, label: { color: P.soft, position: "insideStartTop", formatter: (l) => `${l.value} × ULN` }, data: [{ yAxis: 1 }, { yAxis: 3 }, { yAxis: 5 }] } : undefined,
    }));
    if ("troughs" in at) values("troughs", chart.troughs);
    if ("liver" in at) values("liver", chart.liver);
    if ("grades" in at) series.push({ type: "custom", renderItem: bar, ...on("grades"), encode: { x: [0, 1], y: 2 }, label: { show: true, formatter: (e) => `G${e.data.grade}`, color: P.ink, position: "top" },
      data: chart.grades.map((g) => ({ value: [time(g.onset_on), g.resolved_on ? time(g.resolved_on) : until, terms.indexOf(g.term)], grade: g.worst_grade, itemStyle: { color: ["", "#e9c46a", "#e08214", "#c0392b", "#7f1d1d"][g.worst_grade] || P.soft }, says: `${g.term}: worst grade ${g.worst_grade}\nfrom ${stamp(time(g.onset_on))}${g.resolved_on ? ` to ${stamp(time(g.resolved_on))}` : ", not resolved"}` })) });
    if ("tumour" in at) series.push({ name: "sum of diameters", type: "line", ...on("tumour"), symbolSize: 9, itemStyle: { color: P.ink }, connectNulls: true,
      label: { show: true, position: "top", color: P.ink, fontWeight: 600, formatter: (e) => (e.data.response === "baseline" ? "" : e.data.response) },
      data: chart.tumour.map((s) => ({ value: [time(s.on), s.sum_mm], response: s.response, itemStyle: { color: (P.response[s.response] || { color: P.ink }).color }, says: `${stamp(time(s.on))}: ${s.sum_mm === null ? "no sum" : `${s.sum_mm} mm`}\n${s.says.replace(/(.{60,80}?) /g, "$1\n")}` })) });

    place.style.height = `${top + 56}px`;
    const start = Math.max(earliest, (first !== null ? first : until) - (first !== null ? 120 : 400) * day);
    P.draw("patient-chart", {
      grid, xAxis, yAxis, series,
      legend: { top: 0, left: 190, data: [...chart.troughs, ...chart.liver].map((s) => s.name), textStyle: { color: P.ink }, itemWidth: 18, itemHeight: 9 },
      axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: P.soft } },
      tooltip: { trigger: "item", renderMode: "richText", confine: true, backgroundColor: "#fff", borderColor: P.line, textStyle: { color: P.ink, fontSize: 12 }, formatter: (e) => (e.data && e.data.says) || "" },
      dataZoom: [
        { type: "slider", xAxisIndex: lanes.map((_, n) => n), bottom: 6, height: 20, startValue: start, endValue: latest, filterMode: "none", labelFormatter: (v) => stamp(v) },
        { type: "inside", xAxisIndex: lanes.map((_, n) => n), startValue: start, endValue: latest, filterMode: "none", zoomOnMouseWheel: "ctrl" },
      ],
    }, (e) => { if (e.data && e.data.record) location.href = place.dataset.records + e.data.record; });
  };
  P.page("patient-chart", paint);

  // The slider shows what it points at, and goes there when it is let go; without this the button does.
  const slider = () => {
    const range = document.getElementById("version");
    if (!range) return;
    const names = new Map([...document.querySelectorAll("#versions option")].map((o) => [o.value, o.label]));
    range.addEventListener("input", () => {
      const name = names.get(range.value) || `version ${range.value}`;
      document.getElementById("known-at").textContent = name;
      range.setAttribute("aria-valuetext", `version ${range.value}, ${name}`);
    });
    range.addEventListener("change", () => range.form.requestSubmit());
  };
  document.addEventListener("DOMContentLoaded", slider);
  document.addEventListener("graftwatch:refreshed", slider);
})();
