package storetest

import "fmt"

// failure is what a law panics with that does not hold. It ends the law wherever it is.
type failure struct{ error }

// must ends a law with an error, if there is one.
func must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// value returns what came without an error, or ends the law.
func value[T any](v T, err error) T {
	must(err)
	return v
}

// failf ends a law.
func failf(format string, args ...any) { must(fmt.Errorf(format, args...)) }

// failIf ends a law if something is so.
func failIf(is bool, format string, args ...any) {
	if is {
		failf(format, args...)
	}
}

// caught returns what a law has ended with.
func caught(law func()) (err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case failure:
			err = cause.error
		default:
			panic(cause)
		}
	}()
	law()
	return nil
}
