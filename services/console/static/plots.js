// What all plots share: colours with patterns, axes, tooltips as text, drawing anew on resize, refresh and print.
"use strict";

const Plots = (() => {
  const ink = "#14242d";
  const soft = "#4b5d68";
  const line = "#d5dde2";
  const accent = "#0a5a73";
  const MONTH = 30.4375;
  // A response is told by its pattern and its label too, never by colour alone.
  const response = {
    "CR": { color: "#14532d" },
    "PR": { color: "#3f8a5c", decal: { symbol: "line", rotation: Math.PI / 4, dashArrayX: [1, 0], dashArrayY: [2, 6], color: "rgba(255,255,255,.55)" } },
    "SD": { color: "#7890a0" },
    "NON-CR/NON-PD": { color: "#a9b8c2", decal: { symbol: "circle", symbolSize: .5, color: "rgba(20,36,45,.35)" } },
    "PD": { color: "#a3231f", decal: { symbol: "line", rotation: -Math.PI / 4, dashArrayX: [1, 0], dashArrayY: [3, 5], color: "rgba(255,255,255,.45)" } },
    "NE": { color: "#d3dbe0", decal: { symbol: "rect", symbolSize: .4, color: "rgba(20,36,45,.25)" } },
  };
  const drawn = new Map();

  const months = (days) => days / MONTH;
  const short = (patient) => patient.slice(0, 8);
  const day = (iso) => new Date(`${iso}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  const change = (value) => `${value > 0 ? "+" : value < 0 ? "\u2212" : ""}${Math.abs(value).toFixed(1)} %`;

  const base = (option) => ({
    animation: false,
    textStyle: { color: ink, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 },
    aria: { enabled: false, decal: { show: true } },
    tooltip: { renderMode: "richText", confine: true, backgroundColor: "#fff", borderColor: line, textStyle: { color: ink, fontSize: 12 } },
    ...option,
  });
  const valueAxis = (name, more = {}) => ({
    type: "value", name, nameLocation: "middle", nameGap: 42, nameTextStyle: { color: soft },
    axisLabel: { color: soft }, axisLine: { show: true, lineStyle: { color: "#94a5af" } },
    splitLine: { lineStyle: { color: "#e8edf0" } }, ...more,
  });
  const reference = (at, says, position = "insideEndTop") => ({
    yAxis: at, lineStyle: { color: ink, type: "dashed", width: 1 }, label: { formatter: says, position, color: ink },
  });

  const draw = (id, option, opened) => {
    const place = document.getElementById(id);
    if (!place) return null;
    if (drawn.has(id)) drawn.get(id).dispose();
    const chart = echarts.init(place, null, { renderer: "canvas" });
    chart.setOption(base(option));
    if (opened) chart.on("click", opened);
    drawn.set(id, chart);
    return chart;
  };
  const forget = () => { for (const chart of drawn.values()) chart.dispose(); drawn.clear(); };
  const resize = () => { for (const chart of drawn.values()) chart.resize(); };
  window.addEventListener("resize", resize);
  window.addEventListener("beforeprint", resize);
  window.addEventListener("afterprint", resize);

  // Fetches what a page draws, and draws it again whenever the page has made itself fresh.
  const page = (id, paint) => {
    const show = async () => {
      const place = document.getElementById(id);
      if (!place) return;
      const answer = await fetch(place.dataset.source, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const data = await answer.json();
      forget();
      paint(data, place);
      place.dataset.drawn = "1";
    };
    document.addEventListener("DOMContentLoaded", show);
    document.addEventListener("graftwatch:refreshed", show);
    return show;
  };

  return { ink, soft, line, accent, response, months, short, day, change, valueAxis, reference, draw, forget, page };
})();
