/** The dashboard's entrance. */
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/pages.css";
import { watchAddress } from "./route";
import { Shell } from "./shell";
import { watchSystem } from "./theme";

watchSystem();
watchAddress();
render(<Shell />, document.getElementById("app")!);
