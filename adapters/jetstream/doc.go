// Package jetstream carries Watermill messages over NATS JetStream, and divides
// them among workers. It needs nats-server 2.11 or newer.
//
//	broker, err := jetstream.Open(ctx, "nats://host:4222/quire", jetstream.Options{})
//	...
//	err = broker.Publisher().Publish(broker.Topic(3), message.NewMessage(uuid, payload))
//	messages, err := broker.Subscriber().Subscribe(ctx, broker.AllTopics())
//
// # Partitions
//
// A stream has a number of partitions, each a topic and a subject of its own:
// quire.0, quire.1 and so on. Messages that have to stay in order go into one of them.
// The number is kept with the stream, so that all programs agree. It can be raised while
// workers run, and never lowered: messages would be left where nobody reads them.
//
// # Workers
//
// Each [Broker.Subscriber] is a worker. All of them subscribe to all partitions,
// and each partition is read by one of them at a time, as evenly divided as
// possible. Workers send each other heartbeats, and divide the partitions among
// the workers that are alive. Each partition has a durable consumer,
// which the server pins to one of the workers that request its messages: it delivers to another one when
// the first has not made a request for some seconds, or has given the pin up. A worker that leaves, or
// that releases a partition for a new one, gives the pin up as soon as its messages in flight are done.
//
// Pins keep the work of a partition in one place; they cannot guarantee it. A
// process can be stopped for longer than its pin lasts, with a message in flight. And
// JetStream delivers at least once. The handler of a message has to accept
// one that comes twice.
//
// # Order
//
// Messages of a partition come in the order of the stream, up to
// Options.InFlight of them before the first is acked. A message that was nacked, or that the server
// did not store at once, comes behind later ones. When a partition moves to another worker,
// messages that are in flight then can come in any order.
//
// # Why not watermill-nats
//
// Watermill's own package for JetStream is marked as experimental. It can send on
// the channel of messages after it has closed it, does not give a message's UUID
// to the broker, which would then store a message twice that is published again,
// publishes a message per round trip, and closes connections that it was given.
package jetstream
