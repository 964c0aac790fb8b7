export const greeting = (name: string): string => `area of the ${name}:`;
