package laws

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/quire-ci/quire-project/domain"
)

// bounded is the law that what has ended leaves nothing in the projection: its
// memory follows the rows that are open, and those may be of all jobs, as in a sum
// by job. A final row was handed out, and is somebody else's to keep.
func bounded[R comparable](newProjection maker[R]) (err error) {
	defer recovered(&err)
	const few, many, slack = 50, 500, 1000
	a, b := afterJobs(newProjection, few), afterJobs(newProjection, many)
	if b.state-a.state <= slack+2*(b.rows-a.rows) {
		return nil
	}
	return fmt.Errorf("memory does not follow what is open: %d jobs that have ended leave %d bytes in the projection and %d in open rows; %d leave %d and %d",
		few, a.state, a.rows, many, b.state, b.rows)
}

// memory is what a projection holds, and what is in its open rows, in bytes.
type memory struct{ state, rows int }

// afterJobs folds a run of some jobs, of which all have ended.
func afterJobs[R comparable](newProjection maker[R], jobs int) memory {
	p := newProjection()
	o := observe(p)
	for i := range jobs {
		o.apply(Entries(endedJob(int64(i)))...)
	}
	return memory{sizeOf(reflect.ValueOf(p), map[unsafe.Pointer]bool{}), sizeOf(reflect.ValueOf(o.open()), map[unsafe.Pointer]bool{})}
}

// endedJob returns all that can happen in a job, with nothing left open.
func endedJob(i int64) []domain.Event {
	job, at := fmt.Sprintf("job-%04d", i), 100*i
	cmd := func(name string) string { return fmt.Sprintf("%s %04d", name, i) }
	return []domain.Event{
		domain.NewJobStarted(at, job),
		domain.NewShStarted(at+1, job, cmd("make")), domain.NewShFinished(at+3, job, 1),
		domain.NewShStarted(at+4, job, cmd("make")), domain.NewShFinished(at+6, job, 0),
		domain.NewShStarted(at+7, job, cmd("outer")), domain.NewShStarted(at+8, job, cmd("inner")),
		domain.NewShFinished(at+9, job, int32(i)), domain.NewShFinished(at+10+i, job, 0),
		domain.NewShFinished(at+11+i, job, 0), // of none that is open
		domain.NewUnknown(at+12, cmd("type"), "").InJob(job),
		{}, // a line that holds none
		domain.NewJobFinished(at+14, job, domain.Failed),
		domain.NewShStarted(at+15, job, cmd("late")), domain.NewShFinished(at+16, job, 0),
		domain.NewJobFinished(at+17, job, domain.Complete),
	}
}

// sizeOf returns about how many bytes a value holds, and all that it points to.
func sizeOf(v reflect.Value, seen map[unsafe.Pointer]bool) int {
	size := 0
	switch v.Kind() {
	case reflect.Pointer, reflect.Map:
		if v.IsNil() || seen[v.UnsafePointer()] {
			break
		}
		seen[v.UnsafePointer()] = true
		if v.Kind() == reflect.Pointer {
			size += sizeOf(v.Elem(), seen)
			break
		}
		for of := v.MapRange(); of.Next(); {
			size += sizeOf(of.Key(), seen) + sizeOf(of.Value(), seen)
		}
	case reflect.Interface:
		if !v.IsNil() {
			size += sizeOf(v.Elem(), seen)
		}
	case reflect.Slice:
		for i := range v.Len() {
			size += sizeOf(v.Index(i), seen)
		}
	case reflect.Array:
		for i := range v.Len() {
			size += sizeOf(v.Index(i), seen)
		}
		return size
	case reflect.Struct:
		for i := range v.NumField() {
			size += sizeOf(v.Field(i), seen)
		}
		return size
	case reflect.String:
		size = v.Len()
	}
	return size + int(v.Type().Size())
}
