/** Slots bound what is under way: in order, abortable, closable. */
import assert from "node:assert/strict";
import { Slots } from "../../encoder/slots.js";

describe("slots", () => {
  it("are given in the order they were asked for, never more at once than there are", async () => {
    const slots = new Slots(2);
    const order: number[] = [];
    let most = 0;
    await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        await slots.acquire();
        order.push(index);
        most = Math.max(most, slots.taken);
        await new Promise(setImmediate);
        slots.release();
      }),
    );
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
    assert.equal(most, 2);
    assert.equal(slots.taken, 0);
  });

  it("pass over who was aborted while waiting", async () => {
    const slots = new Slots(1);
    await slots.acquire();
    const controller = new AbortController();
    const reason = new Error("gone");
    const gone = slots.acquire(controller.signal);
    const next = slots.acquire();
    assert.equal(slots.waiting, 2);
    controller.abort(reason);
    await assert.rejects(gone, reason);
    assert.equal(slots.waiting, 1);
    slots.release();
    await next;
    assert.equal(slots.taken, 1);
  });

  it("are not affected by an abort that comes after the slot was given", async () => {
    const slots = new Slots(1);
    const controller = new AbortController();
    await slots.acquire();
    const given = slots.acquire(controller.signal);
    const waits = slots.acquire();
    slots.release();
    await given;
    controller.abort();
    slots.release();
    await waits;
    assert.equal(slots.waiting, 0);
  });

  it("refuse whoever waits or comes once they are closed", async () => {
    const slots = new Slots(1);
    const reason = new Error("closed");
    await slots.acquire();
    const waiting = slots.acquire();
    slots.close(reason);
    await assert.rejects(waiting, reason);
    await assert.rejects(slots.acquire(), reason);
  });
});
