// Events in time against what is usual, with the one in question marked.
import { readSource, type TimelineBlock, type TimelineEvent } from "../blocks";
import { draw, escape, tooltip } from "../charts";
import { figure, shortFigure } from "../figures";
import { localWords } from "../moments";
import type { Dispose } from "../mount";
import type { Palette } from "../palette";

// Tones are told by shape as well as by colour; what is not known is hollow.
const SYMBOLS = { bad: "triangle", warning: "rect", good: "circle", neutral: "circle" };

export function start(element: HTMLElement): Dispose | undefined {
  const block = readSource(element) as TimelineBlock | null;
  return block === null ? undefined : draw(element, (colours) => option(block, colours)).dispose;
}

function colourOf(event: TimelineEvent, colours: Palette): string {
  const { bad, warning, good, muted } = colours;
  const neutral = event.current ? muted : "transparent";
  return { bad, warning, good, neutral }[event.tone];
}

function borderOf(event: TimelineEvent, colours: Palette): string {
  if (event.current) return colours.text;
  return event.tone === "neutral" ? colours.muted : colours.surface;
}

function pointOf(event: TimelineEvent, colours: Palette): Record<string, unknown> {
  return {
    value: [event.at, event.value],
    symbol: event.current ? "diamond" : SYMBOLS[event.tone],
    symbolSize: event.current ? 18 : 9,
    itemStyle: {
      color: colourOf(event, colours),
      borderColor: borderOf(event, colours),
      borderWidth: event.current || event.tone === "neutral" ? 2 : 1,
    },
    label: {
      show: event.current,
      position: "left",
      color: colours.text,
      formatter: figure(event.value),
      fontWeight: "bold",
    },
  };
}

function words(block: TimelineBlock, index: number): string {
  const event = block.events[index];
  if (event === undefined) return "";
  const when = localWords(new Date(event.at), "full");
  return `<strong>${escape(event.title)}</strong><br>${escape(when)}<br>${escape(`${figure(event.value)} ${block.unit}`)}`;
}

function usual(block: TimelineBlock, colours: Palette): Record<string, unknown> {
  if (block.usual_low === null || block.usual_high === null) return {};
  return {
    markArea: {
      silent: true,
      itemStyle: { color: colours.good, opacity: 0.12 },
      label: { position: "insideTopLeft", color: colours.muted, formatter: "usual" },
      data: [[{ yAxis: block.usual_low }, { yAxis: block.usual_high }]],
    },
  };
}

function option(block: TimelineBlock, colours: Palette): Record<string, unknown> {
  const label = { color: colours.muted, hideOverlap: true };
  return {
    aria: { enabled: true },
    grid: {
      left: 8,
      right: 24,
      top: 32,
      bottom: 8,
      outerBoundsMode: "same",
      outerBoundsContain: "axisLabel",
    },
    tooltip: {
      ...tooltip(colours),
      trigger: "item",
      formatter: (at: { dataIndex: number }) => words(block, at.dataIndex),
    },
    xAxis: { type: "time", axisLabel: label, axisLine: { lineStyle: { color: colours.line } } },
    yAxis: {
      type: "value",
      name: block.unit,
      nameTextStyle: { color: colours.muted, align: "left" },
      axisLabel: { ...label, formatter: (value: number) => shortFigure(value) },
      splitLine: { lineStyle: { color: colours.line, opacity: 0.7 } },
    },
    dataZoom:
      block.events.length > 300
        ? [{ type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false }]
        : [],
    series: [
      {
        type: "scatter",
        data: block.events.map((event) => pointOf(event, colours)),
        ...usual(block, colours),
      },
    ],
  };
}
