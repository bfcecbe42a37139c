// Package broker sends the streams of runs over a message broker, and passes segments
// that arrive to a projector. It uses Watermill and knows no particular broker: you pass
// in a [message.Publisher] and a [message.Subscriber].
//
// # What is sent
//
// A message is one [domain.Segment]: some whole lines of one run, as they stand
// in its stream. The payload is their bytes; what else there is to know is
// metadata, see [Message]. The run and the offset say which segment it is, so that it
// does not matter whether messages arrive twice or in another order: a segment is
// applied when it is the next one of its run, dropped when it has been, and
// held until then otherwise. That is up to the [Projector].
//
// # Where to
//
// Runs are spread over the partitions of a stream by [Partition]; each
// partition is a topic, and is to be read by one worker at a time. A subscriber
// may hand out several messages before the first is acked: a router
// handles them side by side, so that a projector can write them together. More
// partitions can be added later on: runs move, and some of their segments meet in
// the store, where order is made.
//
// # Sending and receiving
//
// A [Publisher] sends streams that are finished at full speed, and those that
// grow as a [Live]. A [Router] applies what arrives, with a [Projector]; who has a
// Watermill router already adds a [Handler] to it.
//
// What is no segment goes to a poison topic, or is logged where that does not take it. What
// fails is delivered again by the broker, for as long as it takes; where the store is away,
// it is first tried here some times.
package broker
