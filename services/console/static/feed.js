// The plot of the page Feed: facts recorded by the hour, from /api/studies/{study}/feed.
"use strict";

Plots.page("throughput", (feed) => {
  const sites = [...new Set(feed.hours.flatMap((h) => Object.keys(h.facts)))].sort();
  const decals = [undefined, { symbol: "line", rotation: Math.PI / 4, color: "rgba(255,255,255,.5)" }, { symbol: "circle", symbolSize: .5, color: "rgba(255,255,255,.5)" }];
  const colours = ["#0a5a73", "#a85b00", "#5b2a86", "#1a6338"];
  Plots.draw("throughput", {
    grid: { left: 58, right: 14, top: 30, bottom: 30 },
    legend: { top: 0, left: 0, data: sites, textStyle: { color: Plots.ink } },
    tooltip: { trigger: "item", renderMode: "richText", confine: true, formatter: (e) => `${e.seriesName}: ${e.value[1].toLocaleString("en-GB")} facts\n${new Date(e.value[0]).toISOString().slice(0, 16).replace("T", ", ")} UTC` },
    xAxis: { type: "time", min: Date.now() - 48 * 3600000, max: Date.now(), axisLabel: { color: Plots.soft, hideOverlap: true } },
    yAxis: Plots.valueAxis("facts", { minInterval: 1, nameGap: 40 }),
    series: sites.map((site, n) => ({ name: site, type: "bar", stack: "all", barWidth: 8, itemStyle: { color: colours[n % colours.length], decal: decals[n % decals.length] }, data: feed.hours.map((h) => [Date.parse(h.hour), h.facts[site] || 0]) })),
  });
});
