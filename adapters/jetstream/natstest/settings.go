package natstest

import "github.com/nats-io/nats-server/v2/server"

// Setting changes how a server is started.
type Setting func(*server.Options)

// User has the server ask for a user and a password.
func User(user, password string) Setting {
	return func(o *server.Options) { o.Username, o.Password = user, password }
}

// Token has the server ask for a token.
func Token(token string) Setting {
	return func(o *server.Options) { o.Authorization = token }
}

// WithoutJetStream has the server be one without JetStream.
func WithoutJetStream() Setting {
	return func(o *server.Options) { o.JetStream = false }
}

// MaxPayload bounds the size of messages.
func MaxPayload(bytes int) Setting {
	return func(o *server.Options) { o.MaxPayload = int32(bytes) }
}
