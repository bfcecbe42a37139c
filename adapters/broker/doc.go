// Package broker sends the streams of runs over a message broker, and passes segments
// that arrive to a projector. It uses Watermill and knows no particular broker: you pass
// in a [message.Publisher] and a [message.Subscriber].
//
// # Messages
//
// A message is one [domain.Segment]: some whole lines of one run, as they stand
// in its stream. The payload is their bytes; the rest is
// metadata, see [Message]. The run and the offset identify a segment, so messages may
// arrive twice or in another order: the [Projector] applies a segment that
// is the next one of its run, drops one that it has applied, and parks others.
//
// # Topics
//
// [Partition] spreads runs over the partitions of a stream. Each
// partition is a topic, and one worker at a time should read it. If the subscriber
// hands out several messages before the first is acked, a router
// handles them side by side, so that the projector can write them together. More
// partitions can be added later: runs move, and some of their segments meet in
// the store, which puts them in order.
//
// # Sending and receiving
//
// A [Publisher] sends streams that are finished at full speed; adapters/publish uses one to
// send streams that grow. [NewRouter] returns a router that applies what arrives; if you have a
// Watermill router, add a [Handler] to it.
//
// A message that is not a segment goes to a poison topic, or is logged if that does not take it.
// The broker delivers a message that failed again, as often as it takes; while the store is unavailable,
// the router retries some times first.
package broker
