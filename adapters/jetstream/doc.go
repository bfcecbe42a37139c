// Package jetstream carries Watermill messages over NATS JetStream, and shares
// them out among workers.
//
//	broker, err := jetstream.Open(ctx, "nats://host:4222/quire", jetstream.Options{})
//	...
//	err = broker.Publisher().Publish(broker.Topic(3), message.NewMessage(uuid, payload))
//	messages, err := broker.Subscriber().Subscribe(ctx, broker.AllTopics())
//
// # Partitions
//
// A stream has a number of partitions, each a topic and a subject of its own:
// quire.0, quire.1 and so on. What has to stay in order goes into one of them.
// How many there are is kept with the stream, so that all who open it agree. The
// number can be raised while workers run, and never lowered: messages would be
// left where nobody looks.
//
// # Workers
//
// Each [Broker.Subscriber] is a worker. All of them subscribe to all partitions,
// and each partition is read by one of them at a time, as evenly shared out as
// can be. Workers know of each other by keys in a bucket that vanish when
// they are not renewed: one for the worker, and one, the lease, for each
// partition that it holds. A partition of a worker that died is taken over
// when its lease has run out; one of a worker that leaves, or that has to hand
// some on to a new one, as soon as the messages that it has in hand are done.
//
// Leases keep the work of a partition in one place; they cannot guarantee it. A
// process can sleep through the end of its lease with a message in hand. And
// JetStream delivers at least once. Whoever handles messages has to bear
// one that comes twice.
//
// # Order
//
// Messages of a partition come in the order of the stream, up to
// Options.InFlight of them before the first is acked. They come in another
// order than they were published in where one was nacked, or not stored at
// once: it is behind those that came after it. When a partition changes hands,
// what is on its way then can come in any order.
//
// # Why not watermill-nats
//
// Watermill's own package for JetStream is marked as experimental. It can send on
// the channel of messages after it has closed it, does not give a message's UUID
// to the broker, which would then store one that is published again only once,
// publishes a message per round trip, and closes connections that it was given.
package jetstream
