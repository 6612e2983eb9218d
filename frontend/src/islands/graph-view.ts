// A graph of things and their ties: shape and colour by group, the thing in question marked.
import cytoscape from "cytoscape";
import { readSource, type GraphBlock, type GraphNode } from "../blocks";
import { palette, type Palette } from "../palette";
import type { Dispose } from "../mount";

const SHAPES = [
  "ellipse",
  "round-rectangle",
  "diamond",
  "hexagon",
  "triangle",
  "pentagon",
] as const;

// Cytoscape would write a <style> element, which the policy of the page forbids; our style sheet has
// that rule, and an element of this id tells it so.
function claimStyles(): void {
  const id = "__________cytoscape_stylesheet";
  if (document.getElementById(id) !== null) return;
  const mark = document.createElement("meta");
  mark.id = id;
  document.head.append(mark);
}

function groupsOf(block: GraphBlock): string[] {
  return [...new Set(block.nodes.map((node) => node.group))];
}

function elements(block: GraphBlock): cytoscape.ElementDefinition[] {
  const known = new Set(block.nodes.map((node) => node.id));
  const nodes = block.nodes.map((node) => ({ group: "nodes" as const, data: { ...node } }));
  const edges = block.edges
    .filter((edge) => known.has(edge.source) && known.has(edge.target))
    .map((edge, index) => ({ group: "edges" as const, data: { ...edge, id: `edge-${index}` } }));
  return [...nodes, ...edges];
}

function styles(groups: string[], colours: Palette): cytoscape.StylesheetJson {
  const byGroup = groups.map((group, index) => ({
    selector: `node[group = ${JSON.stringify(group)}]`,
    style: {
      shape: SHAPES[index % SHAPES.length] ?? "ellipse",
      "background-color": colours.series[index % colours.series.length] ?? colours.text,
    },
  }));
  return [
    {
      selector: "node",
      style: {
        label: "data(title)",
        color: colours.text,
        "font-size": 13,
        "text-valign": "bottom",
        "text-margin-y": 4,
        "text-outline-color": colours.surface,
        "text-outline-width": 2,
        "text-max-width": "110px",
        "text-wrap": "ellipsis",
        width: 30,
        height: 30,
      },
    },
    ...byGroup,
    { selector: "node[tone = 'bad']", style: { "border-width": 4, "border-color": colours.bad } },
    {
      selector: "node[tone = 'warning']",
      style: { "border-width": 4, "border-color": colours.warning },
    },
    {
      selector: "node[?current]",
      style: {
        width: 46,
        height: 46,
        "font-weight": "bold",
        "underlay-color": colours.text,
        "underlay-opacity": 0.2,
        "underlay-padding": 8,
        "underlay-shape": "ellipse",
      },
    },
    {
      selector: "edge",
      style: { width: 1.5, "line-color": colours.muted, "curve-style": "bezier", opacity: 0.6 },
    },
    {
      selector: "edge[tone = 'bad']",
      style: { width: 3, "line-color": colours.bad, "line-style": "dashed", opacity: 1 },
    },
    { selector: ".near", style: { opacity: 1, "z-index": 10 } },
    {
      selector: "edge.near",
      style: {
        width: 3,
        label: "data(title)",
        "font-size": 10,
        color: colours.text,
        "text-outline-color": colours.surface,
        "text-outline-width": 2,
      },
    },
    { selector: ".far", style: { opacity: 0.15 } },
  ];
}

function spread(cy: cytoscape.Core): void {
  cy.layout({
    name: "cose",
    animate: false,
    // The same picture each time: start from a circle, not from chance.
    randomize: false,
    padding: 24,
    nodeRepulsion: () => 5000,
    idealEdgeLength: () => 50,
  }).run();
}

/** Show all of it, but never larger than drawn: three things should not fill the page. */
function fit(cy: cytoscape.Core): void {
  cy.fit(undefined, 32);
  if (cy.zoom() > 1.2) {
    cy.zoom(1.2);
    cy.center();
  }
}

function focusOn(cy: cytoscape.Core, id: string | null): void {
  cy.elements().removeClass("near far");
  if (id === null) return;
  const near = cy.getElementById(id).closedNeighborhood();
  cy.elements().not(near).addClass("far");
  near.addClass("near");
}

function button(text: string, label: string, press: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "btn btn-sm btn-icon";
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.title = label;
  made.addEventListener("click", press);
  return made;
}

function tools(cy: cytoscape.Core, element: HTMLElement): HTMLElement {
  const bar = document.createElement("div");
  bar.className = "graph-tools btn-list";
  const zoom = (factor: number) => () => {
    cy.zoom({
      level: cy.zoom() * factor,
      renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 },
    });
  };
  bar.append(
    button("+", "Closer", zoom(1.3)),
    button("−", "Further away", zoom(1 / 1.3)),
    button("⤢", "Larger or smaller", () => {
      element.classList.toggle("graph-large");
      cy.resize();
      fit(cy);
    }),
  );
  return bar;
}

function legend(groups: string[], block: GraphBlock): HTMLElement {
  const box = document.createElement("div");
  box.className = "graph-legend";
  groups.forEach((group, index) => {
    const entry = document.createElement("span");
    entry.className = `graph-key graph-key-${SHAPES[index % SHAPES.length] ?? "ellipse"} graph-colour-${(index % 6) + 1}`;
    entry.textContent = `${group} (${block.nodes.filter((node) => node.group === group).length})`;
    box.append(entry);
  });
  return box;
}

/** Let the list of things below the picture choose what the picture shows: for keyboards. */
function connectList(cy: cytoscape.Core, element: HTMLElement, nodes: GraphNode[]): void {
  const list = element.closest(".card")?.querySelectorAll<HTMLElement>("[data-node]") ?? [];
  const known = new Set(nodes.map((node) => node.id));
  for (const item of list) {
    const id = item.dataset.node ?? "";
    if (!known.has(id)) continue;
    item.addEventListener("click", () => {
      focusOn(cy, id);
      cy.center(cy.getElementById(id));
    });
  }
}

/** Draw again when the theme or the size changes. */
function keepFresh(cy: cytoscape.Core, element: HTMLElement, groups: string[]): Dispose {
  const themes = new MutationObserver(() => cy.style(styles(groups, palette())));
  themes.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  const sizes = new ResizeObserver(() => {
    cy.resize();
    fit(cy);
  });
  sizes.observe(element);
  return () => {
    themes.disconnect();
    sizes.disconnect();
    cy.destroy();
  };
}

export function start(element: HTMLElement): Dispose | undefined {
  const block = readSource(element) as GraphBlock | null;
  if (block === null || block.nodes.length === 0) return undefined;
  claimStyles();
  const groups = groupsOf(block);
  const canvas = document.createElement("div");
  canvas.className = "graph-canvas";
  element.append(canvas);
  const cy = cytoscape({
    container: canvas,
    elements: elements(block),
    style: styles(groups, palette()),
    layout: { name: "circle" },
    userZoomingEnabled: false,
    maxZoom: 3,
    minZoom: 0.2,
  });
  spread(cy);
  element.append(tools(cy, element));
  element.after(legend(groups, block));
  cy.on("mouseover tap", "node", (event) => {
    focusOn(cy, (event.target as cytoscape.NodeSingular).id());
  });
  cy.on("mouseout", "node", () => {
    focusOn(cy, null);
  });
  connectList(cy, element, block.nodes);
  return keepFresh(cy, element, groups);
}
