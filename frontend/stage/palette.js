/** Colours: one hue for each class, and shades of it for the objects of that class. */

/** Hues that are told apart on photos, by people who confuse red and green too (Okabe and Ito). */
const HUES = [202, 28, 322, 158, 52, 262, 4, 184, 88, 292];
const SHADES = [58, 66, 50, 72, 44];

/** Number the classes in the order of their first object. @returns {Map<string, number>} */
export function classNumbers(objects) {
  const numbers = new Map();
  for (const { label } of objects) if (!numbers.has(label)) numbers.set(label, numbers.size);
  return numbers;
}

/** Return the hue of a class, in degrees. */
export function hueOf(number) {
  // After the chosen hues, steps of the golden angle between them.
  return number < HUES.length ? HUES[number] : Math.round(HUES[number % HUES.length] + number * 137.5) % 360;
}

/** Return the CSS colour of a class. */
export function classColour(number) {
  return `hsl(${hueOf(number)} 82% ${SHADES[0]}%)`;
}

/** Return the CSS colour of the n-th object of a class. */
export function objectColour(number, index) {
  return `hsl(${hueOf(number)} 82% ${SHADES[index % SHADES.length]}%)`;
}

/** Return the colour of each object by its id. @returns {Map<number, string>} */
export function coloursOf(objects) {
  const numbers = classNumbers(objects);
  const counts = new Map();
  return new Map(
    objects.map(({ id, label }) => {
      const index = counts.get(label) ?? 0;
      counts.set(label, index + 1);
      return [id, objectColour(numbers.get(label), index)];
    }),
  );
}
