// Tells a screen reader what arrives, seldom enough to be listened to.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useStore } from "../state/store.ts";

const EVERY = 4_000;

export function Announcer(): JSX.Element {
  const arrived = useStore((state) => state.arrived);
  const phase = useStore((state) => state.link.phase);
  const told = useRef(arrived);
  const was = useRef(phase);
  const [text, setText] = useState("");

  useEffect(() => {
    if (arrived === told.current) return;
    const timer = setTimeout(() => {
      const fresh = arrived - told.current;
      told.current = arrived;
      setText(fresh === 1 ? "1 new message" : `${fresh} new messages`);
    }, EVERY);
    return () => clearTimeout(timer);
  }, [arrived]);

  useEffect(() => {
    if (phase === was.current) return;
    if (phase === "lost") setText("The connection to the relay is lost; reconnecting");
    if (phase === "live" && was.current === "lost") setText("Connected to the relay again");
    was.current = phase;
  }, [phase]);

  return (
    <div class="hidden" role="status" aria-live="polite">
      {text}
    </div>
  );
}
