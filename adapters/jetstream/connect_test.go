package jetstream

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// The end of a context ends the connecting to a server that does not answer.
func TestConnectingEnds(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	if _, err := Open(ctx, "nats://"+silent.Addr().String(), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it takes %v", took)
	}
}
