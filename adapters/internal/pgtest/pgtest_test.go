package pgtest

import (
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	at := time.Now()
	s := Shared(t)
	t.Log("start", time.Since(at))
	for range 5 {
		at = time.Now()
		s.NewDatabase(t)
		t.Log("db", time.Since(at))
	}
	at = time.Now()
	s = New(t)
	t.Log("start", time.Since(at))
	at = time.Now()
	s.Kill(t)
	t.Log("kill", time.Since(at))
	at = time.Now()
	s.Start(t)
	t.Log("start", time.Since(at))
	s.Stop(t)
	s.Start(t)
}
