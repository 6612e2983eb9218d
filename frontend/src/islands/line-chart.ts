// Lines, bars or points. data-source: id of a JSON script with a Chart block; or data-url: address of
// such a block, read again every data-refresh-s seconds until it says "running": false.
import { readSource, type ChartBlock } from "../blocks";
import { chartOption } from "../chart-options";
import { draw, tooltip } from "../charts";
import type { Dispose } from "../mount";

type Live = ChartBlock & { running?: boolean };

export function start(element: HTMLElement): Dispose {
  let block = readSource(element) as Live | null;
  const drawn = draw(element, (colours) =>
    block === null ? {} : chartOption(block, colours, tooltip(colours)),
  );
  const stop = follow(element, (fresh) => {
    block = fresh;
    drawn.redraw();
  });
  return () => {
    stop();
    drawn.dispose();
  };
}

/** Ask for the block again and again, slower while the page is hidden, until it is complete. */
function follow(element: HTMLElement, show: (block: Live) => void): Dispose {
  const url = element.dataset.url;
  if (url === undefined) return () => undefined;
  const pause = 1000 * Number(element.dataset.refreshS ?? 2);
  const stopping = new AbortController();
  let timer = 0;
  const ask = async (): Promise<void> => {
    const isOver = await read(url, stopping.signal, show);
    if (isOver || stopping.signal.aborted) return;
    timer = window.setTimeout(() => void ask(), document.hidden ? 5 * pause : pause);
  };
  void ask();
  return () => {
    stopping.abort();
    clearTimeout(timer);
  };
}

async function read(
  url: string,
  signal: AbortSignal,
  show: (block: Live) => void,
): Promise<boolean> {
  try {
    const response = await fetch(url, { signal, headers: { Accept: "application/json" } });
    // Gone or not allowed: asking again cannot help. Any other failure may pass.
    if (!response.ok) return response.status < 500 && response.status !== 429;
    const block = (await response.json()) as Live;
    show(block);
    return block.running !== true;
  } catch {
    return signal.aborted;
  }
}
