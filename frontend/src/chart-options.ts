// From a Chart block to an option of ECharts. Pure, so that it can be tested.
import type { EChartsCoreOption } from "echarts/core";
import type { ChartBlock, Series } from "./blocks";
import type { Palette } from "./palette";
import { figure, shortFigure } from "./figures";
import { localWords } from "./moments";

const DASHES = ["solid", "dashed", "dotted", [10, 4, 2, 4]] as const;
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "roundRect", "pin"] as const;
const POINTS_SHOWN = 40;

type Point = [number | string, number | null];

function points(series: Series, chart: ChartBlock): Point[] {
  const isLogX = chart.x_kind === "log";
  const isLogY = chart.y_kind === "log";
  const pairs = series.x.map((x, index): Point => [x, series.y[index] ?? null]);
  // A logarithm has no place for nothing or less: such points are gaps, not errors.
  return pairs
    .filter(([x]) => !isLogX || Number(x) > 0)
    .map(([x, y]): Point => [
      chart.x_kind === "category" ? String(x) : x,
      isLogY && (y ?? 0) <= 0 ? null : y,
    ]);
}

function oneSeries(
  series: Series,
  index: number,
  chart: ChartBlock,
  colours: Palette,
): Record<string, unknown> {
  const data = points(series, chart);
  return {
    type: chart.form,
    name: series.name,
    data,
    color: colours.series[index % colours.series.length],
    symbol: SYMBOLS[index % SYMBOLS.length],
    symbolSize: chart.form === "scatter" ? 7 : 6,
    showSymbol: data.length <= POINTS_SHOWN,
    lineStyle: { width: 2, type: DASHES[index % DASHES.length] },
    itemStyle: { opacity: chart.form === "scatter" ? 0.7 : 1, borderRadius: [2, 2, 0, 0] },
    barMaxWidth: 36,
    large: data.length > 5000,
    sampling: chart.form === "line" && data.length > 2000 ? "lttb" : undefined,
    emphasis: { focus: "series" },
  };
}

function axis(
  kind: ChartBlock["x_kind"],
  name: string,
  colours: Palette,
  isX: boolean,
): Record<string, unknown> {
  const isFigure = kind === "value" || kind === "log";
  return {
    type: kind,
    name,
    nameLocation: isX ? "middle" : "end",
    nameGap: isX ? 28 : 12,
    nameTextStyle: { color: colours.muted, align: isX ? "center" : "left" },
    axisLabel: {
      color: colours.muted,
      hideOverlap: true,
      ...(isFigure && { formatter: (value: number) => shortFigure(value) }),
    },
    axisLine: { show: isX, lineStyle: { color: colours.line } },
    axisTick: { show: false },
    splitLine: { show: !isX, lineStyle: { color: colours.line, opacity: 0.7 } },
    scale: kind === "value" && isX,
    minorSplitLine: { show: false },
  };
}

function kindOfX(chart: ChartBlock): ChartBlock["x_kind"] {
  const isText = chart.series.some((series) => series.x.some((x) => typeof x === "string"));
  return chart.x_kind === "value" && isText ? "category" : chart.x_kind;
}

export function chartOption(
  block: ChartBlock,
  colours: Palette,
  shared: Record<string, unknown>,
): EChartsCoreOption {
  const chart: ChartBlock = { ...block, x_kind: kindOfX(block) };
  const count = chart.series.reduce((sum, series) => sum + series.x.length, 0);
  const hasLegend = chart.series.length > 1;
  return {
    aria: { enabled: true },
    grid: {
      left: 8,
      right: 16,
      top: (chart.y_title === "" ? 12 : 32) + (hasLegend ? 24 : 0),
      bottom: chart.x_title === "" ? 8 : 28,
      outerBoundsMode: "same",
      outerBoundsContain: "axisLabel",
    },
    legend: {
      show: hasLegend,
      top: 0,
      right: 0,
      type: "scroll",
      textStyle: { color: colours.text },
    },
    tooltip: {
      ...shared,
      trigger: chart.form === "scatter" ? "item" : "axis",
      valueFormatter: (value: unknown) => figure(value),
    },
    xAxis: {
      ...axis(chart.x_kind, chart.x_title, colours, true),
      ...(chart.x_kind === "time" && {
        axisPointer: {
          label: { formatter: (at: { value: number }) => localWords(new Date(at.value), "full") },
        },
      }),
    },
    yAxis: axis(chart.y_kind, chart.y_title, colours, false),
    dataZoom:
      count > 300 ? [{ type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false }] : [],
    series: chart.series.map((series, index) => oneSeries(series, index, chart, colours)),
  };
}
