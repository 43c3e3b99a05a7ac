/**
 * Messages to a face on their way. Most are text, JSON. Console output is most of what is told, and goes as it is: the length of the text
 * (32 bits, little endian), the text in UTF-8, and then the output itself, which is the `bytes` of the event's data.
 */
import type { ConsoleOutput, ToFace } from './api.ts';

export type Message = string | Uint8Array<ArrayBuffer>;

const LENGTH = 4;

export function outputMessage({ bytes, ...data }: ConsoleOutput): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify({ event: 'console', data }));
  const message = new Uint8Array(LENGTH + text.length + bytes.length);
  new DataView(message.buffer).setUint32(0, text.length, true);
  message.set(text, LENGTH);
  message.set(bytes, LENGTH + text.length);
  return message;
}

/** What the host told. */
export function readMessage(message: Message): ToFace {
  if (typeof message === 'string') return JSON.parse(message) as ToFace;
  const text = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
  const told = JSON.parse(new TextDecoder().decode(message.subarray(LENGTH, LENGTH + text)));
  told.data.bytes = message.subarray(LENGTH + text);
  return told;
}
