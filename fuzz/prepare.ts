// What all processes load, made by the full build in one of its own.

import { compileGuests } from "./guests.js";

compileGuests();
