package sqlread

import "iter"

// columns returns what scans the columns of a query into row, in order.
type columns[R any] func(d *Dialect, row *R) []any

// each yields the rows of the query that open starts. what names them in errors.
func each[R any](d *Dialect, what string, columns columns[R], open func() (Rows, error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		if err := scan(d, columns, open, yield); err != nil {
			var zero R
			yield(zero, d.error(what, err))
		}
	}
}

// scan yields rows until the last one, an error, or until no more are wanted.
// An error that closing alone meets is told only where all rows were read.
func scan[R any](d *Dialect, columns columns[R], open func() (Rows, error), yield func(R, error) bool) (err error) {
	rows, err := open()
	if err != nil {
		return err
	}
	more := true
	defer func() {
		if closed := rows.Close(); err == nil && more {
			err = closed
		}
	}()
	var row R
	into := columns(d, &row)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if more = yield(row, nil); !more {
			return nil
		}
	}
	return rows.Err()
}

// all returns the rows that a sequence yields.
func all[R any](rows iter.Seq2[R, error]) ([]R, error) {
	var read []R
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		read = append(read, row)
	}
	return read, nil
}

// first returns the first row of a sequence, if it has one.
func first[R any](rows iter.Seq2[R, error]) (row R, ok bool, err error) {
	for row, err := range rows {
		return row, err == nil, err
	}
	return row, false, nil
}
