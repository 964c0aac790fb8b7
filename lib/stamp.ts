/** A base class that puts its private fields on whatever object it is given. */
export const Stamp = function (object: object) {
  return object;
} as unknown as new (object: object) => object;
