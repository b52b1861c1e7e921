// Where the dialog that is open is drawn.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Compose } from "../act/compose.tsx";
import { EditAgent } from "../act/edit_agent.tsx";
import { Invite } from "../act/invite.tsx";
import { Keys } from "../act/keys.tsx";
import { TokenPrompt } from "../act/token.tsx";
import { shownBy, type Opened } from "./dialog.tsx";

export function Dialogs(): JSX.Element | null {
  const [opened, set] = useState<Opened | undefined>(undefined);
  shownBy(set);
  if (!opened) return null;
  switch (opened.name) {
    case "compose":
      return <Compose draft={opened.draft} />;
    case "invite":
      return <Invite target={opened.target} />;
    case "edit":
      return <EditAgent id={opened.id} />;
    case "keys":
      return <Keys />;
    case "token":
      return <TokenPrompt />;
  }
}
