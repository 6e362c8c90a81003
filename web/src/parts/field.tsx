import { useId, type InputHTMLAttributes, type ReactNode, type Ref } from 'react'

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string
  /** What is wrong with what is in it. */
  fault?: string | undefined
  hint?: ReactNode
  ref?: Ref<HTMLInputElement>
}

export function Field ({ label, fault, hint, ref, ...input }: FieldProps) {
  const id = useId()
  return (
    <div className='field'>
      <label htmlFor={id}>{label}</label>
      <input {...input} id={id} ref={ref} aria-invalid={fault !== undefined} aria-describedby={`${id}-fault ${id}-hint`} />
      <p className='field-fault' id={`${id}-fault`} role='alert'>{fault !== undefined && `${label} ${fault}.`}</p>
      <p className='field-hint' id={`${id}-hint`}>{hint}</p>
    </div>
  )
}
