/** Lines of a console that the host keeps, and that a face can show. */
export const HISTORY_LINES = 50_000;
