// SPDX-License-Identifier: Apache-2.0
// A stack machine with a switch-heavy loop that runs two programs: the sieve, and the longest Collatz chain.
#include "../rt/rt.h"

const char bench_name[] = "bytecode";
const u32 bench_rounds = 340;

enum op {
  PUSH, LOAD, STORE, PEEK, POKE, ADD, SUB, MUL, DIV, MOD, AND, OR, XOR, SHL, SHR, LESS, EQUAL, NOT, JUMP, JUMP0, DUP,
  DROP, SWAP, INC, DEC, CALL, RETURN, HALT, AT
};

#define CELLS 4096

static i64 cells[CELLS];

static NOINLINE i64 execute(const i32 *code, i64 argument) {
  i64 stack[64], variables[16] = {argument};
  u32 calls[16];
  u32 pc = 0, top = 0, depth = 0;
  for (;;) {
    switch ((enum op)code[pc++]) {
    case PUSH:
      stack[top++] = code[pc++];
      break;
    case LOAD:
      stack[top++] = variables[code[pc++]];
      break;
    case STORE:
      variables[code[pc++]] = stack[--top];
      break;
    case PEEK:
      stack[top - 1] = cells[stack[top - 1] & (CELLS - 1)];
      break;
    case POKE:
      top -= 2;
      cells[stack[top + 1] & (CELLS - 1)] = stack[top];
      break;
    case ADD:
      top--;
      stack[top - 1] += stack[top];
      break;
    case SUB:
      top--;
      stack[top - 1] -= stack[top];
      break;
    case MUL:
      top--;
      stack[top - 1] *= stack[top];
      break;
    case DIV:
      top--;
      stack[top - 1] /= stack[top];
      break;
    case MOD:
      top--;
      stack[top - 1] %= stack[top];
      break;
    case AND:
      top--;
      stack[top - 1] &= stack[top];
      break;
    case OR:
      top--;
      stack[top - 1] |= stack[top];
      break;
    case XOR:
      top--;
      stack[top - 1] ^= stack[top];
      break;
    case SHL:
      top--;
      stack[top - 1] = (i64)((u64)stack[top - 1] << (stack[top] & 63));
      break;
    case SHR:
      top--;
      stack[top - 1] >>= stack[top] & 63;
      break;
    case LESS:
      top--;
      stack[top - 1] = stack[top - 1] < stack[top];
      break;
    case EQUAL:
      top--;
      stack[top - 1] = stack[top - 1] == stack[top];
      break;
    case NOT:
      stack[top - 1] = !stack[top - 1];
      break;
    case JUMP:
      pc = (u32)code[pc];
      break;
    case JUMP0:
      pc = stack[--top] ? pc + 1 : (u32)code[pc];
      break;
    case DUP:
      stack[top] = stack[top - 1];
      top++;
      break;
    case DROP:
      top--;
      break;
    case SWAP: {
      i64 other = stack[top - 1];
      stack[top - 1] = stack[top - 2];
      stack[top - 2] = other;
      break;
    }
    case INC:
      stack[top - 1]++;
      break;
    case DEC:
      stack[top - 1]--;
      break;
    case CALL:
      calls[depth++] = pc + 1;
      pc = (u32)code[pc];
      break;
    case RETURN:
      pc = calls[--depth];
      break;
    case HALT:
    case AT:
      return stack[top - 1];
    }
  }
}

// Programs as written: AT n marks label n, jumps and calls name labels. Variables: 0 the argument, the rest local.
static const i32 sieve[] = {
    PUSH, 0, STORE, 1, PUSH, 0, STORE, 3,                                   // i = count = 0
    AT, 0, LOAD, 1, LOAD, 0, LESS, JUMP0, 1,                                // while i < limit
    PUSH, 1, LOAD, 1, POKE, LOAD, 1, INC, STORE, 1, JUMP, 0,                //   cells[i++] = 1
    AT, 1, PUSH, 2, STORE, 1,                                               // i = 2
    AT, 2, LOAD, 1, LOAD, 0, LESS, JUMP0, 3,                                // while i < limit
    LOAD, 1, PEEK, JUMP0, 6,                                                //   if cells[i]
    LOAD, 3, INC, STORE, 3, LOAD, 1, DUP, ADD, STORE, 2,                    //     count++, j = i + i
    AT, 4, LOAD, 2, LOAD, 0, LESS, JUMP0, 6,                                //     while j < limit
    PUSH, 0, LOAD, 2, POKE, LOAD, 2, LOAD, 1, ADD, STORE, 2, JUMP, 4,       //       cells[j] = 0, j += i
    AT, 6, LOAD, 1, INC, STORE, 1, JUMP, 2,                                 //   i++
    AT, 3, LOAD, 3, HALT,
};

static const i32 collatz[] = {
    PUSH, 1, STORE, 1, PUSH, 0, STORE, 3,                                   // n = 1, best = 0
    AT, 0, LOAD, 1, LOAD, 0, LESS, JUMP0, 1,                                // while n < limit
    LOAD, 1, CALL, 8, STORE, 2,                                             //   length = chain(n)
    LOAD, 3, LOAD, 2, LESS, JUMP0, 2, LOAD, 2, STORE, 3,                    //   if best < length: best = length
    AT, 2, LOAD, 1, INC, STORE, 1, JUMP, 0,                                 //   n++
    AT, 1, LOAD, 3, HALT,
    AT, 8, PUSH, 0, SWAP,                                                   // chain: steps below, the number above
    AT, 3, DUP, PUSH, 1, EQUAL, NOT, JUMP0, 5,                              // while it is not 1
    DUP, PUSH, 1, AND, JUMP0, 4, PUSH, 3, MUL, INC, JUMP, 6,                //   odd: 3 n + 1
    AT, 4, PUSH, 1, SHR,                                                    //   even: n / 2
    AT, 6, SWAP, INC, SWAP, JUMP, 3,                                        //   steps++
    AT, 5, DROP, RETURN,
};

// A linear congruential generator folded with the less common operations.
static const i32 folding[] = {
    PUSH, 1, STORE, 1, PUSH, 0, STORE, 2,                                   // x = 1, sum = 0
    AT, 0, LOAD, 0, JUMP0, 1, LOAD, 0, DEC, STORE, 0,                       // argument times:
    LOAD, 1, PUSH, 1103515245, MUL, PUSH, 12345, ADD, PUSH, 2147483647, AND, STORE, 1,
    LOAD, 1, PUSH, 1000, MOD, LOAD, 1, PUSH, 77, DIV, XOR,
    LOAD, 1, PUSH, 5, SHL, LOAD, 1, PUSH, 9, SHR, OR, SUB,
    LOAD, 2, ADD, STORE, 2, JUMP, 0,
    AT, 1, LOAD, 2, HALT,
};

#define LONGEST 256

static i32 linked[3][LONGEST];

static int has_operand(i32 op) {
  return op == PUSH || op == LOAD || op == STORE || op == JUMP || op == JUMP0 || op == CALL || op == AT;
}

static void link(i32 *to, const i32 *from, u32 size) {
  i32 labels[16];
  i32 place = 0;
  for (u32 i = 0; i < size; i += 1 + (u32)has_operand(from[i])) {
    if (from[i] == AT)
      labels[from[i + 1]] = place;
    else
      place += 1 + has_operand(from[i]);
  }
  for (u32 i = 0; i < size; i += 1 + (u32)has_operand(from[i])) {
    if (from[i] == AT)
      continue;
    *to++ = from[i];
    if (from[i] == JUMP || from[i] == JUMP0 || from[i] == CALL)
      *to++ = labels[from[i + 1]];
    else if (has_operand(from[i]))
      *to++ = from[i + 1];
  }
}

void bench_setup(void) {
  link(linked[0], sieve, COUNT(sieve));
  link(linked[1], collatz, COUNT(collatz));
  link(linked[2], folding, COUNT(folding));
}

u64 bench_run(u32 rounds) {
  u64 hash = 1;
  for (u32 round = 0; round < rounds; round++) {
    i64 primes = execute(linked[0], 4000);
    if (primes != 550)
      die("the sieve is wrong");
    hash = mix(hash, (u64)primes);
    hash = mix(hash, (u64)execute(linked[1], 300 + (round & 15)));
    hash = mix(hash, (u64)execute(linked[2], 2000));
  }
  return hash;
}
