package sqlite

import (
	"context"

	"github.com/quire-ci/quire-project/projections/store"
)

// Update lets do write in one transaction. In this process, one Update is
// after the other; other processes wait for the database, for as long as the
// busy timeout says.
//
// What was committed counts only if the file that it went to is still the one that
// the store's path names.
func (s *Store) Update(ctx context.Context, do func(store.Tx) error) error {
	return s.there("write", s.update(ctx, do))
}

func (s *Store) update(ctx context.Context, do func(store.Tx) error) error {
	session, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	committed := false
	defer func() { s.release(session, committed) }()
	t := &tx{store: s, ctx: ctx, session: session, inserter: newInserter(ctx, session)}
	// Also where do panics, and where the transaction begins although the
	// context has ended.
	defer func() {
		t.inserter.wait()
		if !committed {
			session.rollback(ctx)
		}
	}()
	if err := t.begin(); err != nil {
		return err
	}
	if err := do(t); err != nil {
		return err
	}
	err = t.commit()
	committed = err == nil
	return err
}

// acquire waits for the turn to write.
func (s *Store) acquire(ctx context.Context) (*session, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.kept != nil {
		return s.kept, nil
	}
	session, err := newSession(ctx, s.writes)
	if err != nil {
		<-s.turn
		return nil, s.fail("write", err)
	}
	return session, nil
}

// release ends the turn. A connection of our own is kept, for the statements
// that are prepared on it, unless something went wrong.
func (s *Store) release(session *session, keep bool) {
	if s.kept = session; s.reads == s.writes || !keep {
		session.close()
		s.files.forget()
		s.kept = nil
	}
	<-s.turn
}

// begin begins the transaction with the lock that writing takes: to take it
// later fails where somebody has written since the transaction read.
func (t *tx) begin() error {
	err := t.session.exec(t.ctx, "BEGIN IMMEDIATE")
	if err == nil {
		// Of a database that cannot be written, BEGIN takes no notice.
		err = t.session.exec(t.ctx, "DELETE FROM checkpoints WHERE false")
	}
	if err == nil && t.store.kept == nil {
		t.store.files.log()
	}
	return t.store.fail("write", err)
}

// commit commits unless the context has ended. Once it has begun it is not
// broken off, so that it is known how it ended.
func (t *tx) commit() error {
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.ctx.Err(); err != nil {
		return err
	}
	return t.store.fail("commit", t.session.exec(context.WithoutCancel(t.ctx), "COMMIT"))
}
