// The blocks of a report as the server sends them (solutions/blocks.py), read from the page.

export type Tone = "neutral" | "good" | "warning" | "bad";

export interface Series {
  name: string;
  x: (number | string)[];
  y: (number | null)[];
}

export interface ChartBlock {
  title: string;
  series: Series[];
  form: "line" | "bar" | "scatter";
  x_title: string;
  y_title: string;
  x_kind: "value" | "category" | "time" | "log";
  y_kind: "value" | "log";
  hint: string;
}

export interface TimelineEvent {
  at: string;
  value: number;
  title: string;
  tone: Tone;
  current: boolean;
}

export interface TimelineBlock {
  title: string;
  events: TimelineEvent[];
  unit: string;
  usual_low: number | null;
  usual_high: number | null;
}

export interface GraphNode {
  id: string;
  title: string;
  group: string;
  tone: Tone;
  current: boolean;
}

export interface GraphEdge {
  source: string;
  target: string;
  title: string;
  tone: Tone;
}

export interface GraphBlock {
  title: string;
  nodes: GraphNode[];
  edges: GraphEdge[];
}

/** Read the JSON that an island's element points to with data-source. */
export function readSource(element: HTMLElement): unknown {
  const source = document.getElementById(element.dataset.source ?? "");
  return source === null ? null : JSON.parse(source.textContent);
}
