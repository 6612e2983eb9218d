// What all charts share: the parts of ECharts that are used, colours of the theme, size, redraw.
import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent,
  DataZoomInsideComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  TooltipComponent,
} from "echarts/components";
import { init, use, type EChartsCoreOption, type EChartsType } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import type { Dispose } from "./mount";
import { palette, type Palette } from "./palette";

use([
  AriaComponent,
  BarChart,
  CanvasRenderer,
  DataZoomInsideComponent,
  GridComponent,
  LegendComponent,
  LineChart,
  MarkAreaComponent,
  ScatterChart,
  TooltipComponent,
]);

export interface Drawn {
  redraw: () => void;
  dispose: Dispose;
}

/** Draw a chart, and again when the theme or the size of its element changes. */
export function draw(element: HTMLElement, build: (colours: Palette) => EChartsCoreOption): Drawn {
  const chart: EChartsType = init(element, null, { renderer: "canvas" });
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const redraw = (): void => {
    const { fontFamily } = getComputedStyle(element);
    const motion = { animation: !isStill, animationDuration: 300 };
    chart.setOption({ ...motion, textStyle: { fontFamily }, ...build(palette()) }, true);
  };
  redraw();
  const sizes = new ResizeObserver(() => {
    chart.resize();
  });
  sizes.observe(element);
  const themes = new MutationObserver(redraw);
  themes.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  return {
    redraw,
    dispose: () => {
      sizes.disconnect();
      themes.disconnect();
      chart.dispose();
    },
  };
}

/** Text that is safe in a tooltip, which ECharts takes as markup. */
export function escape(text: string): string {
  const signs: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (sign) => signs[sign] ?? "");
}

export function tooltip(colours: Palette): Record<string, unknown> {
  return {
    backgroundColor: colours.surface,
    borderColor: colours.line,
    textStyle: { color: colours.text, fontSize: 12 },
    confine: true,
  };
}
