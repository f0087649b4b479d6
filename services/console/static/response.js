// The plots of the page Response, from /api/studies/{study}/response.
"use strict";

(() => {
  const P = Plots;
  const look = (response) => P.response[response] || { color: P.soft };
  const legend = (kinds) => ({ data: kinds, top: 0, left: 0, textStyle: { color: P.ink }, itemWidth: 16, itemHeight: 10 });
  const kindsOf = (patients) => Object.keys(P.response).filter((r) => patients.some((p) => p.best === r));
  const open = (place, find) => (event) => {
    const patient = find(event);
    if (patient) location.href = place.dataset.patients + patient;
  };

  const waterfall = (patients, place) => {
    const bars = patients.filter((p) => p.best_change_percent !== null).sort((a, b) => b.best_change_percent - a.best_change_percent);
    const kinds = kindsOf(bars);
    const confirmed = (p) => ["CR", "PR"].includes(p.best) && p.best_confirmed === p.best;
    P.draw("waterfall", {
      grid: { left: 62, right: 14, top: 34, bottom: 74 },
      legend: legend(kinds),
      tooltip: { trigger: "item", renderMode: "richText", confine: true, formatter: (e) => {
        const p = bars[e.dataIndex];
        return `${P.short(p.patient)} (${p.site})\nbest change ${P.change(p.best_change_percent)}\nbest response ${p.best}${confirmed(p) ? ", confirmed" : ["CR", "PR"].includes(p.best) ? ", not confirmed" : ""}`;
      } },
      xAxis: { type: "category", data: bars.map((p) => P.short(p.patient)), axisLabel: { rotate: 90, interval: 0, color: P.soft, fontSize: bars.length > 60 ? 8 : 10 }, axisTick: { show: false }, axisLine: { onZero: true, lineStyle: { color: P.ink } }, position: "bottom" },
      yAxis: P.valueAxis("best change from baseline, %", { min: -100, max: (v) => Math.max(40, Math.ceil(v.max / 20) * 20), interval: 20 }),
      series: kinds.map((kind, n) => ({
        name: kind, type: "bar", stack: "one", barCategoryGap: "18%", itemStyle: look(kind),
        data: bars.map((p) => (p.best === kind ? { value: p.best_change_percent, label: { show: confirmed(p) || p.best_change_percent === 0, formatter: confirmed(p) ? "★" : "0", color: P.ink, position: p.best_change_percent < 0 ? "bottom" : "top", distance: 1 } } : null)),
        markLine: n ? undefined : { symbol: "none", silent: true, data: [P.reference(20, "+20 %"), P.reference(-30, "\u221230 %", "insideStartBottom")] },
      })),
    }, open(place, (e) => bars[e.dataIndex] && bars[e.dataIndex].patient));
  };

  const symbols = { CR: "circle", PR: "triangle", SD: "rect", "NON-CR/NON-PD": "roundRect", PD: "diamond", NE: "emptyCircle" };

  const spider = (patients, place) => {
    const lines = patients.filter((p) => p.visits.some((v) => v.percent_from_baseline !== null));
    const kinds = kindsOf(lines);
    P.draw("spider", {
      grid: { left: 62, right: 20, top: 34, bottom: 50 },
      legend: legend(kinds),
      tooltip: { trigger: "item", renderMode: "richText", confine: true, formatter: (e) => {
        const p = lines.find((one) => one.patient === e.data.patient);
        const v = e.data.visit;
        return v ? `${P.short(p.patient)} (${p.site})\n${P.day(v.on)}, day ${v.day}\n${P.change(v.percent_from_baseline)} from baseline, ${v.response}` : `${P.short(p.patient)} (${p.site})\nbaseline`;
      } },
      xAxis: P.valueAxis("months since the first dose", { min: 0, nameGap: 28 }),
      yAxis: P.valueAxis("change from baseline, %", { min: -100, max: (v) => Math.max(40, Math.ceil(v.max / 20) * 20), interval: 20 }),
      series: lines.map((p, n) => ({
        name: p.best, type: "line", lineStyle: { color: look(p.best).color, width: 1.6, type: p.best === "PD" ? "dashed" : "solid" },
        itemStyle: { color: look(p.best).color }, symbol: symbols[p.best], symbolSize: 7, emphasis: { focus: "series", lineStyle: { width: 3 } },
        data: [{ value: [0, 0], symbol: "none", patient: p.patient }, ...p.visits.filter((v) => v.percent_from_baseline !== null).map((v) => ({ value: [P.months(v.day - 1), v.percent_from_baseline], patient: p.patient, visit: v }))],
        markLine: n ? undefined : { symbol: "none", silent: true, data: [P.reference(20, "+20 %"), P.reference(-30, "\u221230 %")] },
      })),
    }, open(place, (e) => e.data && e.data.patient));
  };

  const swimmer = (patients, place) => {
    const rows = [...patients].sort((a, b) => b.durations.OS.days - a.durations.OS.days);
    const box = document.getElementById("swimmer");
    box.style.height = `${Math.max(220, 20 * rows.length + 90)}px`;
    const at = (p, iso) => P.months((Date.parse(iso) - Date.parse(p.start_on)) / 86400000);
    const marks = (name, symbol, color, pick) => ({
      name, type: "scatter", symbol, symbolSize: 10, z: 5, itemStyle: { color, borderColor: "#fff", borderWidth: 1 },
      data: rows.map((p, n) => ({ p, n, on: pick(p) })).filter((m) => m.on).map((m) => ({ value: [at(m.p, m.on), m.n], says: `${P.short(m.p.patient)}: ${name} on ${P.day(m.on)}`, patient: m.p.patient })),
    });
    const cross = "path://M-4,-5.5 L0,-1.5 L4,-5.5 L5.5,-4 L1.5,0 L5.5,4 L4,5.5 L0,1.5 L-4,5.5 L-5.5,4 L-1.5,0 L-5.5,-4 Z";
    const kinds = kindsOf(rows);
    P.draw("swimmer", {
      grid: { left: 84, right: 20, top: 34, bottom: 46 },
      legend: { ...legend([...kinds, "first response", "progression", "new therapy", "death", "alive when last seen"]) },
      tooltip: { trigger: "item", renderMode: "richText", confine: true, formatter: (e) => e.data.says },
      xAxis: P.valueAxis("months since the first dose", { min: 0, nameGap: 28 }),
      yAxis: { type: "category", inverse: true, data: rows.map((p) => P.short(p.patient)), axisTick: { show: false }, axisLabel: { interval: 0, color: P.soft, fontSize: 10 } },
      series: [
        ...kinds.map((kind) => ({
          name: kind, type: "bar", stack: "one", barWidth: 11, itemStyle: look(kind),
          data: rows.map((p) => (p.best === kind ? { value: P.months(p.durations.OS.days), patient: p.patient, says: `${P.short(p.patient)} (${p.site})\nbest response ${p.best}\n${p.durations.OS.what} on ${P.day(p.durations.OS.on)}, day ${p.durations.OS.days}` } : null)),
        })),
        marks("first response", "triangle", P.ink, (p) => p.first_response_on),
        marks("progression", "rect", "#5b2a86", (p) => p.progression_on),
        marks("new therapy", "diamond", "#a85b00", (p) => p.new_therapy_on),
        marks("death", cross, "#a3231f", (p) => (p.durations.OS.event ? p.durations.OS.on : null)),
        marks("alive when last seen", "path://M0,-5 L6,0 L0,5 Z", P.accent, (p) => (p.durations.OS.event ? null : p.durations.OS.on)),
      ],
    }, open(place, (e) => e.data && e.data.patient));
  };

  const survival = (curve) => {
    const stairs = (pick) => [[0, 100], ...curve.points.map((p) => [P.months(p.day), pick(p)])].filter((p) => p[1] !== null);
    const last = curve.points.length ? curve.points[curve.points.length - 1].day : 30;
    const edge = { type: "line", step: "end", symbol: "none", silent: true, lineStyle: { color: P.accent, width: 1, type: "dotted" }, tooltip: { show: false } };
    const median = curve.median_months[0];
    P.draw(`curve-${curve.endpoint}`, {
      grid: { left: 58, right: 16, top: 14, bottom: 46 },
      tooltip: { trigger: "item", renderMode: "richText", confine: true, formatter: (e) => e.data.says || "" },
      xAxis: P.valueAxis("months", { min: 0, max: Math.max(6, Math.ceil(P.months(last) / 3) * 3), interval: 3, nameGap: 28 }),
      yAxis: P.valueAxis("without event, %", { min: 0, max: 100, interval: 25, nameGap: 36 }),
      series: [
        { ...edge, data: stairs((p) => p.low) },
        { ...edge, data: stairs((p) => p.high) },
        {
          type: "line", step: "end", symbol: "circle", symbolSize: 5, itemStyle: { color: P.accent }, lineStyle: { color: P.accent, width: 2.2 },
          data: [{ value: [0, 100], symbol: "none" }, ...curve.points.map((p) => ({
            value: [P.months(p.day), p.percent], symbol: p.events ? "circle" : "none",
            says: `day ${p.day}: ${p.percent.toFixed(1)} % without event${p.low === null ? "" : ` (${p.low.toFixed(1)} to ${p.high.toFixed(1)})`}`,
          }))],
          markLine: median === null ? undefined : { symbol: "none", silent: true, lineStyle: { color: P.ink, type: "dashed" }, data: [{ xAxis: median, label: { formatter: `median ${median.toFixed(1)}`, color: P.ink, position: "insideEndTop" } }] },
        },
        {
          type: "scatter", symbol: "rect", symbolSize: [1.5, 11], itemStyle: { color: P.ink }, z: 4,
          data: curve.points.filter((p) => p.censored).map((p) => ({ value: [P.months(p.day), p.percent], says: `day ${p.day}: ${p.censored} censored` })),
        },
      ],
    });
  };

  Plots.page("response-plots", (figures, place) => {
    waterfall(figures.patients, place);
    spider(figures.patients, place);
    swimmer(figures.patients, place);
    figures.curves.forEach(survival);
  });
})();
