// A chart over time. The library that draws it is loaded when the first one is shown.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import type { Minute } from "../wire.ts";

export default function Chart({ minutes, height }: { minutes: readonly Minute[]; height: number }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(minutes);
  latest.current = minutes;

  useEffect(() => {
    const element = box.current!;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    let gone = false;
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    async function draw(): Promise<void> {
      const [{ default: Plot }] = await Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]);
      if (gone) return;
      plot.current?.destroy();
      plot.current = new Plot(options(Plot, element, height), data(latest.current), element);
    }
    void draw();
    resize.observe(element);
    dark.addEventListener("change", draw);
    return () => {
      gone = true;
      resize.disconnect();
      dark.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [height]);

  useEffect(() => plot.current?.setData(data(minutes)), [minutes]);

  return <div ref={box} class="chart" aria-hidden="true" />;
}

function data(minutes: readonly Minute[]): uPlot.AlignedData {
  return [minutes.map(({ at }) => at / 1000), minutes.map(({ messages }) => messages), minutes.map(({ done }) => done)];
}

/** Half a step at each end, so that the first and the last bar are whole. All spans have sixty steps. */
function halfOf(from: number, to: number): number {
  return (to - from) / 118;
}

function options(Plot: typeof uPlot, element: HTMLElement, height: number): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = "11px system-ui, sans-serif";
  const axis = {
    stroke: colour("--faint"),
    font,
    ticks: { show: false },
    grid: { stroke: colour("--line"), width: 1 },
  };
  return {
    width: element.clientWidth,
    height,
    padding: [10, 8, 0, 0],
    legend: { show: false },
    cursor: { points: { size: 6 }, y: false, drag: { x: false, y: false } },
    scales: {
      x: { range: (_, from, to) => [from - halfOf(from, to), to + halfOf(from, to)] },
      y: { range: (_, __, most) => [0, Math.max(4, Math.ceil(most * 1.15))] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 80,
        values: (_, ticks) => ticks.map((tick) => Plot.fmtDate("{HH}:{mm}")(new Date(tick * 1000))),
        grid: { show: false },
      },
      { ...axis, size: 34, space: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] },
    ],
    series: [
      {},
      {
        stroke: colour("--accent"),
        fill: colour("--accent"),
        width: 0,
        points: { show: false },
        paths: Plot.paths.bars!({ size: [0.72, 24], radius: 0.15 }),
      },
      {
        stroke: colour("--good"),
        fill: colour("--good"),
        width: 0,
        points: { show: false },
        paths: Plot.paths.bars!({ size: [0.3, 8], radius: 0.2 }),
      },
    ],
  };
}
