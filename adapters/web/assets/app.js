// The script of the pages, which also work without it. It adds zoom and pan, search, cards and live updates.
import "./timeline.js";
import { live } from "./live.js";
import { list } from "./list.js";
import { log } from "./log.js";
import { times } from "./times.js";

times(document);
const run = document.querySelector("#run[data-events]");
if (run) live(run);
const runs = document.querySelector("#runs");
if (runs) list(runs);
const lines = document.querySelector("#log");
if (lines) log(lines);
