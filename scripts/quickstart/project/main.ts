import { area, type Shape } from "./shapes";
import { greeting } from "./words";

const shapes: Shape[] = [{ kind: "square", side: 2 }, { kind: "circle", radius: 1 }];
for (const shape of shapes) console.log(greeting(shape.kind), area(shape).toFixed(2));
