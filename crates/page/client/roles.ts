// Actions whose role this browser lacks: keys say so, and nothing else offers them. The hub refuses what they would send in any case
// (`http::needs`).

import { type Action, actions } from "./actions";
import { root } from "./dom";
import { hint } from "./hint";
import { t } from "./words";

type RoleName = "admin" | "answer" | "drive";

/** The role that each action needs, by its place and its keys or, without keys, its name. What is missing here only looks at something. */
const needed: Record<RoleName, Partial<Record<Action["place"], string[]>>> = {
  drive: {
    Runs: ["K", "Run a prompt in parallel"],
    Review: ["v", "c", "C", "R", "e", "s", "u", "X", "m"],
    Everywhere: ["Stop everything", "Restart the server", "Reconnect", "Continue all interrupted sessions"],
    Overview: ["r"],
    Sessions: ["n", "W", "List older sessions"],
    "Needs you": ["e", "u", "s"],
    Conversation: ["/", "Stop this session", "Continue this session"],
    Prompt: ["Enter", "Shift+Enter"],
  },
  answer: { "Needs you": ["a", "A", "x", "1–9"] },
  admin: { Everywhere: ["+", "Name, colour and start", "Remove this instance"] },
};

/** What a person is told who presses a key of an action. */
const lacking: Record<RoleName, string> = {
  drive: "This browser may not send prompts or change sessions. A code from Devices of another browser can give it more.",
  answer: "This browser may not answer requests. A code from Devices of another browser can give it more.",
  admin: "This browser may not change instances. A code from Devices of another browser can give it more.",
};

/** True if this browser lacks a role. */
const isLacked = (role: RoleName): boolean => (root.dataset.lacks ?? "").split(" ").includes(role);

/** Takes away what this browser may not do. */
export function limitActions(): void {
  for (const role of ["drive", "answer", "admin"] as const) {
    if (!isLacked(role)) continue;
    for (const [place, signs] of Object.entries(needed[role])) {
      const those = actions.filter((action) => action.place === place && signs.some((sign) => action.keys[0] === sign || action.written === sign || action.name === t(sign)));
      for (const action of those) Object.assign(action, { lacked: true, run: action.run && (() => hint(lacking[role])), chosen: undefined });
    }
  }
}
