/* Four 16550s at kvmtool's addresses; the first has the virtual machine's terminal. */
#include "vmm.h"

enum { RBR = 0, IER = 1, IIR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };
enum { IER_RDI = 1, IER_THRI = 2 };
enum { IIR_NONE = 1, IIR_THRI = 2, IIR_RDI = 4, IIR_FIFOS = 0xc0 };
enum { LCR_DLAB = 0x80, LSR_DR = 1, LSR_THRE = 0x20, LSR_TEMT = 0x40, MCR_LOOP = 0x10, FCR_ENABLE = 1, FCR_CLEAR_RX = 2 };
#define MSR_CONNECTED 0xb0

static bool has_input(const struct vuart *uart) {
  return uart->read != uart->write;
}

static void update(struct vm *vm, u32 index) {
  const struct vuart *uart = &vm->uarts[index];
  bool level = ((uart->ier & IER_RDI) && has_input(uart)) || ((uart->ier & IER_THRI) && uart->thr_pending);
  vgic_set_line(vm, NULL, GUEST_UART_INTID + index, level);
}

/* The terminal makes the carriage return of a line end itself. */
static void send(struct vm *vm, char character) {
  struct vuart *uart = &vm->uarts[0];
  if (uart->carriage && character != '\n')
    tty_write(vm->tty, "\r", 1);
  uart->carriage = character == '\r';
  if (character != '\r')
    tty_write(vm->tty, &character, 1);
}

bool vuart_input(struct vm *vm, char character) {
  struct vuart *uart = &vm->uarts[0];
  if (uart->write - uart->read == sizeof uart->input)
    return false;
  spin_lock(&vm->uart_lock);
  uart->input[uart->write++ % sizeof uart->input] = character;
  update(vm, 0);
  spin_unlock(&vm->uart_lock);
  return true;
}

static u8 read(struct vuart *uart, u32 offset) {
  bool divisor = uart->lcr & LCR_DLAB;
  switch (offset) {
  case RBR:
    if (divisor)
      return uart->dll;
    return has_input(uart) ? (u8)uart->input[uart->read++ % sizeof uart->input] : 0;
  case IER:
    return divisor ? uart->dlm : uart->ier;
  case IIR: {
    u8 fifos = uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0;
    if ((uart->ier & IER_RDI) && has_input(uart))
      return fifos | IIR_RDI;
    if ((uart->ier & IER_THRI) && uart->thr_pending) {
      uart->thr_pending = false;
      return fifos | IIR_THRI;
    }
    return fifos | IIR_NONE;
  }
  case LCR:
    return uart->lcr;
  case MCR:
    return uart->mcr;
  case LSR:
    return LSR_THRE | LSR_TEMT | (has_input(uart) ? LSR_DR : 0);
  case MSR:
    /* In loopback the outputs come back as the inputs. */
    if (uart->mcr & MCR_LOOP)
      return (u8)((uart->mcr & 3) << 4 | (uart->mcr & 0xc) << 4);
    return MSR_CONNECTED;
  default:
    return uart->scr;
  }
}

static void write(struct vm *vm, u32 index, u32 offset, u8 value) {
  struct vuart *uart = &vm->uarts[index];
  bool divisor = uart->lcr & LCR_DLAB;
  switch (offset) {
  case RBR:
    if (divisor)
      uart->dll = value;
    else {
      uart->thr_pending = true;
      if (index == 0 && !(uart->mcr & MCR_LOOP))
        send(vm, (char)value);
      else if (uart->mcr & MCR_LOOP)
        uart->input[uart->write++ % sizeof uart->input] = (char)value;
    }
    break;
  case IER:
    if (divisor)
      uart->dlm = value;
    else {
      if ((value & ~uart->ier) & IER_THRI)
        uart->thr_pending = true;
      uart->ier = value & 0xf;
    }
    break;
  case IIR:
    uart->fcr = value;
    if (value & FCR_CLEAR_RX)
      uart->read = uart->write;
    break;
  case LCR:
    uart->lcr = value;
    break;
  case MCR:
    uart->mcr = value;
    break;
  case SCR:
    uart->scr = value;
    break;
  }
}

bool vuart_access(struct vcpu *vcpu, u64 ipa, u32 size, bool is_write, u64 *value) {
  u64 at = ipa - GUEST_UART_BASE;
  if (ipa < GUEST_UART_BASE || at >= GUEST_UARTS * GUEST_UART_STRIDE || at % GUEST_UART_STRIDE >= 8)
    return false;
  struct vm *vm = vcpu->vm;
  u32 index = (u32)(at / GUEST_UART_STRIDE);
  spin_lock(&vm->uart_lock);
  if (is_write)
    write(vm, index, at & 7, (u8)*value);
  else
    *value = read(&vm->uarts[index], at & 7);
  update(vm, index);
  spin_unlock(&vm->uart_lock);
  /* Room for more of what was typed. */
  if (!is_write && index == 0 && (at & 7) == RBR && vm->owner && tty_has_input(vm->tty))
    task_unpark(vm->owner);
  return true;
}
