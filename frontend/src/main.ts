// What every page loads: the look, htmx, and the small comforts of the frame. Islands come later.
import "@tabler/core/dist/css/tabler.min.css";
import "./styles/assay.css";
import "./styles/components.css";
import "./styles/blocks.css";
import "./styles/pictures.css";
import "./generated/icons.svg?url";
import "./icon.svg?url";
import { startConfirm } from "./confirm";
import { startCopy } from "./copy";
import { startHtmx } from "./requests";
import { startMounting } from "./mount";
import { startShell } from "./shell";
import { startTimes } from "./times";

startHtmx();
startShell();
startConfirm();
startCopy();
startTimes();
startMounting();
