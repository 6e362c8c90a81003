import { useId, type InputHTMLAttributes, type ReactNode, type Ref } from 'react'

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string
  /** Tells how to correct an invalid value. */
  error?: string | undefined
  hint?: ReactNode
  ref?: Ref<HTMLInputElement>
}

export function Field ({ label, error, hint, ref, ...input }: FieldProps) {
  const id = useId()
  return (
    <div className='field'>
      <label htmlFor={id}>{label}</label>
      <input {...input} id={id} ref={ref} aria-invalid={error !== undefined} aria-describedby={`${id}-error ${id}-hint`} />
      <p className='field-error' id={`${id}-error`} role='alert'>{error}</p>
      <p className='field-hint' id={`${id}-hint`}>{hint}</p>
    </div>
  )
}
