package jetstream

import "testing"

// How many messages are asked for goes by how large they are.
func TestMost(t *testing.T) {
	d := &delivery{t: &tenure{w: &worker{b: &Broker{options: Options{InFlight: 256, InFlightBytes: 8 << 20}}}}}
	expect := func(when string, want int) {
		t.Helper()
		if got := d.most(); got != want {
			t.Errorf("%s: %d, want %d", when, got, want)
		}
	}
	expect("before the first", 8)
	d.weigh(2000)
	expect("short ones", 256)
	d.weigh(1 << 20)
	expect("a large one, at once", 8)
	for range 100 {
		d.weigh(2000)
	}
	expect("short ones again", 256)
	d.weigh(64 << 20)
	expect("one that is larger than all", 1)
	d = &delivery{t: d.t}
	d.weigh(0)
	expect("an empty one", 256)
}
