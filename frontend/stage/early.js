/** Shows the stage with the document itself: Streamlit, which owns the page, takes a second longer. */

import { present } from "./streamlit.js";

present();
