// Collects the icons that pages name, and nothing else, into one sprite: src/generated/icons.svg.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const here = new URL("..", import.meta.url).pathname;
const root = join(here, "..");
const outline = join(here, "node_modules", "@tabler", "icons", "icons", "outline");
const rooms = ["apps", "solutions", "tests/dummy_solution", "frontend/src"];
const kinds = /\.(html|py|ts)$/;
// {% icon "x" %}, icon="x", icon: ClassVar[str] = "x"; more names may follow in either branch of an if.
const named = /\bicon(?:: [^"=\n]*)?\s*=?\s*"([a-z][a-z0-9-]*)"/g;
// Names that are put together while the program runs.
const always = [
  "cube",
  "puzzle-off",
  "box",
  "arrows-left-right",
  "alert-triangle",
  "circle-check",
  "info-circle",
  "point",
  "credit-card",
  "photo",
  "message-question",
  "shield-check",
  "building-factory-2",
];

function* files(folder) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !["node_modules", "generated", "__pycache__"].includes(entry.name)) {
      yield* files(path);
    } else if (kinds.test(entry.name)) {
      yield path;
    }
  }
}

const names = new Set(always);
for (const room of rooms) {
  for (const path of files(join(root, room))) {
    for (const [, name] of readFileSync(path, "utf8").matchAll(named))
      if (!name.startsWith("icon-")) names.add(name);
  }
}

const unknown = [];
const symbols = [];
for (const name of [...names].sort()) {
  let drawing;
  try {
    drawing = readFileSync(join(outline, `${name}.svg`), "utf8");
  } catch {
    unknown.push(name);
    continue;
  }
  const shapes = drawing
    .replace(/^[\s\S]*?<svg[^>]*>/, "")
    .replace(/<\/svg>[\s\S]*$/, "")
    .replace(/<path stroke="none"[^>]*\/>/, "")
    .replace(/\s*\n\s*/g, "");
  symbols.push(`<symbol id="${name}" viewBox="0 0 24 24">${shapes}</symbol>`);
}
const sprite = `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
mkdirSync(join(here, "src", "generated"), { recursive: true });
writeFileSync(join(here, "src", "generated", "icons.svg"), sprite);
console.log(`${symbols.length} icons, ${Math.round(sprite.length / 1024)} kB`);
if (unknown.length > 0) {
  console.warn(`No such icon in Tabler's outline set: ${unknown.join(", ")}`);
  if (process.argv.includes("--strict")) process.exitCode = 1;
}
